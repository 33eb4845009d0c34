package providertest

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// Service stands in for the service behind a provider, in the dialect that the
// provider speaks. The kit runs it on loopback and takes its place for the
// cases in which a service is slow, broken or unkind.
type Service struct {
	// Handler answers every request of the provider with success, in the
	// service's dialect. Streams must be flushed after each event: the kit cuts
	// and holds them there.
	Handler http.Handler
	// Settings returns settings that point an endpoint to the service at url
	// (scheme, host and port); they are laid over [Profile.Settings]. nil sets
	// base_url to url.
	Settings func(url string) json.RawMessage
	// Error returns the content type and body with which the service reports an
	// error of the given status and message. nil is OpenAI's shape.
	Error func(status int, message string) (contentType, body string)
	// StreamError is what the service writes into a stream that fails after it
	// began, framing included; "" leaves the case out.
	StreamError string
	// Translated is true if the service's bodies have another shape than the
	// canonical ones, so that the kit cannot look for a field of one in the other.
	Translated bool
	// SettingsKey is the secret in the settings, for services whose keys are
	// settings and not the endpoint's credential (S3, which has a pair of them):
	// endpoints are opened without a credential, the cases about using it are
	// left out, and those about leaking it look for this one.
	SettingsKey string
	// Usage are the tokens that healthy answers to a chat report, in streams as
	// well: Input, Output and Total are compared. The zero value leaves that out.
	Usage provider.Usage

	none bool
}

// NoService says that the kit cannot stand in for the service, although the
// manifest declares base_url.
var NoService = &Service{none: true}

// OpenAI returns a service in OpenAI's dialect, below the path /v1.
func OpenAI() *Service {
	return &Service{
		Handler:     http.HandlerFunc(serveOpenAI),
		Error:       openAIError,
		StreamError: "data: {\"error\":{\"message\":\"" + streamErrorText + "\",\"type\":\"server_error\",\"param\":null,\"code\":null}}\n\n",
		Settings:    func(url string) json.RawMessage { return object("base_url", url+"/v1") },
		Usage:       provider.Usage{Input: 3, Output: 2, Total: 5},
	}
}

func (s *Service) settings(url string) json.RawMessage {
	if s.Settings == nil {
		return object("base_url", url)
	}
	return s.Settings(url)
}

func (s *Service) errorBody(status int, message string) (contentType, body string) {
	if s.Error == nil {
		return openAIError(status, message)
	}
	return s.Error(status, message)
}

// openAIError is OpenAI's error body. The words in type and code are those that
// OpenAI uses with the status.
func openAIError(status int, message string) (contentType, body string) {
	kind, code := "invalid_request_error", "null"
	switch {
	case status == 401:
		code = `"invalid_api_key"`
	case status == 404:
		code = `"model_not_found"`
	case status == 429:
		kind, code = "requests", `"rate_limit_exceeded"`
	case status >= 500:
		kind = "server_error"
	}
	text, _ := json.Marshal(message) // a string always encodes
	return "application/json", fmt.Sprintf(`{"error":{"message":%s,"type":%q,"param":null,"code":%s}}`, text, kind, code)
}

// object makes a JSON object of one field.
func object(name string, value any) json.RawMessage {
	data, err := json.Marshal(map[string]any{name: value})
	if err != nil {
		panic(err) // only values that always encode are used
	}
	return data
}

// overlay lays the fields of the later objects over those of the earlier ones.
func overlay(objects ...json.RawMessage) (json.RawMessage, error) {
	all := map[string]json.RawMessage{}
	for _, o := range objects {
		if len(o) == 0 {
			continue
		}
		if err := json.Unmarshal(o, &all); err != nil {
			return nil, fmt.Errorf("settings must be a JSON object: %w", err)
		}
	}
	return json.Marshal(all)
}
