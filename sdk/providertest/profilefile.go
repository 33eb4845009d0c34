package providertest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// profileFile is a [Profile] as JSON, for the command line and for authors in
// other languages. All fields are optional.
type profileFile struct {
	Settings         json.RawMessage `json:"settings,omitempty"`
	ProviderSettings json.RawMessage `json:"provider_settings,omitempty"`
	Model            string          `json:"model,omitempty"`
	Samples          []sampleFile    `json:"samples,omitempty"`
	Service          *serviceFile    `json:"service,omitempty"`
	Slow             json.RawMessage `json:"slow,omitempty"`
	Silent           json.RawMessage `json:"silent,omitempty"`
	Faults           []faultFile     `json:"faults,omitempty"`
	Panic            *sampleFile     `json:"panic,omitempty"`
}

type sampleFile struct {
	Operation string          `json:"operation"`
	Mode      provider.Mode   `json:"mode"`
	Body      json.RawMessage `json:"body,omitempty"`
	Data      []byte          `json:"data_base64,omitempty"`
	DataType  string          `json:"data_type,omitempty"`
	Want      []string        `json:"want,omitempty"`
}

// serviceFile is a [Service]. {{url}} in the settings is the address of the kit,
// {{message}} in the body of an error what the kit says there.
type serviceFile struct {
	URL         string               `json:"url,omitempty"` // of the server with the healthy answers
	None        bool                 `json:"none,omitempty"`
	Settings    json.RawMessage      `json:"settings,omitempty"`
	Errors      map[string]errorFile `json:"errors,omitempty"` // by status, or "default"
	StreamError string               `json:"stream_error,omitempty"`
	Translated  bool                 `json:"translated,omitempty"`
	SettingsKey string               `json:"settings_key,omitempty"`
	Usage       *provider.Usage      `json:"usage,omitempty"`
}

type errorFile struct {
	ContentType string `json:"content_type"`
	Body        string `json:"body"`
}

type faultFile struct {
	Name       string          `json:"name"`
	Settings   json.RawMessage `json:"settings"`
	Code       provider.Code   `json:"code"`
	StatusCode int             `json:"status,omitempty"`
	RetryAfter string          `json:"retry_after,omitempty"`
	Stream     bool            `json:"stream,omitempty"`
}

// Places in a file's texts that are filled in.
const (
	urlPlace     = "{{url}}"
	messagePlace = "{{message}}"
)

// ReadProfile reads a profile from JSON: the file of `backplane conformance
// -profile`, which the guide describes. serviceURL, if it is not empty, replaces
// the address of the server with the healthy answers that the file names.
func ReadProfile(r io.Reader, serviceURL string) (Profile, error) {
	var f profileFile
	dec := json.NewDecoder(r)
	dec.DisallowUnknownFields()
	if err := dec.Decode(&f); err != nil {
		return Profile{}, err
	}
	p := Profile{
		Settings: f.Settings, ProviderSettings: f.ProviderSettings, Model: f.Model, Slow: f.Slow, Silent: f.Silent,
	}
	for _, s := range f.Samples {
		p.Samples = append(p.Samples, s.sample())
	}
	if f.Panic != nil {
		s := f.Panic.sample()
		p.Panic = &s
	}
	for _, fault := range f.Faults {
		read, err := fault.fault()
		if err != nil {
			return Profile{}, err
		}
		p.Faults = append(p.Faults, read)
	}
	if serviceURL != "" && f.Service == nil {
		f.Service = &serviceFile{}
	}
	if f.Service == nil {
		return p, nil
	}
	if serviceURL != "" {
		f.Service.URL = serviceURL
	}
	var err error
	p.Service, err = f.Service.service()
	return p, err
}

func (s sampleFile) sample() Sample {
	return Sample{Operation: s.Operation, Mode: s.Mode, Body: string(s.Body), Data: s.Data, DataType: s.DataType, Want: s.Want}
}

func (f faultFile) fault() (Fault, error) {
	want := provider.Error{Code: f.Code, StatusCode: f.StatusCode}
	if f.RetryAfter != "" {
		var err error
		if want.RetryAfter, err = time.ParseDuration(f.RetryAfter); err != nil {
			return Fault{}, fmt.Errorf("fault %q: retry_after: %w", f.Name, err)
		}
	}
	return Fault{Name: f.Name, Settings: f.Settings, Want: want, Stream: f.Stream}, nil
}

func (f *serviceFile) service() (*Service, error) {
	if f.None {
		return NoService, nil
	}
	if f.URL == "" {
		return nil, errors.New("the profile's service has no url: name the server that gives the healthy answers")
	}
	s, err := ServiceAt(f.URL)
	if err != nil {
		return nil, err
	}
	s.StreamError, s.Translated, s.SettingsKey = f.StreamError, f.Translated, f.SettingsKey
	if f.Usage != nil {
		s.Usage = *f.Usage
	}
	if f.Settings != nil {
		s.Settings = func(url string) json.RawMessage {
			return json.RawMessage(strings.ReplaceAll(string(f.Settings), urlPlace, url))
		}
	}
	s.Error = func(status int, message string) (contentType, body string) {
		e, ok := f.Errors[strconv.Itoa(status)]
		if !ok {
			e, ok = f.Errors["default"]
		}
		if !ok {
			return openAIError(status, message)
		}
		return e.ContentType, strings.ReplaceAll(e.Body, messagePlace, message)
	}
	return s, nil
}

// statuses are those with which the kit makes a service refuse.
var statuses = []int{400, 401, 403, 404, 408, 413, 429, 500, 503}

// writeProfile writes a profile for [ReadProfile]. url is where its service
// answers.
func writeProfile(p Profile, url string) ([]byte, error) {
	if !p.Credential.IsZero() {
		return nil, errors.New("a profile with a credential is not written to a file; give the key with -key-env")
	}
	f := profileFile{
		Settings: p.Settings, ProviderSettings: p.ProviderSettings, Model: p.Model, Slow: p.Slow, Silent: p.Silent,
	}
	for _, s := range p.Samples {
		f.Samples = append(f.Samples, toSampleFile(s))
	}
	if p.Panic != nil {
		s := toSampleFile(*p.Panic)
		f.Panic = &s
	}
	for _, fault := range p.Faults {
		f.Faults = append(f.Faults, toFaultFile(fault))
	}
	if p.Service != nil {
		f.Service = toServiceFile(p.Service, url)
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(f)
	return out.Bytes(), err
}

func toSampleFile(s Sample) sampleFile {
	return sampleFile{Operation: s.Operation, Mode: s.Mode, Body: json.RawMessage(s.Body), Data: s.Data, DataType: s.DataType, Want: s.Want}
}

func toFaultFile(f Fault) faultFile {
	out := faultFile{Name: f.Name, Settings: f.Settings, Code: f.Want.Code, StatusCode: f.Want.StatusCode, Stream: f.Stream}
	if f.Want.RetryAfter > 0 {
		out.RetryAfter = f.Want.RetryAfter.String()
	}
	return out
}

func toServiceFile(s *Service, url string) *serviceFile {
	if s.none {
		return &serviceFile{None: true}
	}
	f := &serviceFile{
		URL: url, Settings: s.settings(urlPlace), StreamError: s.StreamError, Translated: s.Translated,
		SettingsKey: s.SettingsKey, Errors: map[string]errorFile{},
	}
	if u := s.Usage; u != (provider.Usage{}) {
		f.Usage = &u
	}
	for _, status := range statuses {
		contentType, body := s.errorBody(status, messagePlace)
		f.Errors[strconv.Itoa(status)] = errorFile{contentType, body}
	}
	return f
}
