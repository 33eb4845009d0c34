package main

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// Limits of a presigned address in seconds.
const (
	defaultExpiry = 3600
	maxExpiry     = 7 * 24 * 3600
)

var presignMethods = []string{http.MethodGet, http.MethodPut, http.MethodHead, http.MethodDelete}

// presign answers object.presign. It is arithmetic: the service is not asked.
func (e *endpoint) presign(_ context.Context, body []byte) (any, *provider.Meta, error) {
	in := struct {
		object
		Method      string `json:"method"`
		ExpiresIn   number `json:"expires_in"`
		ContentType string `json:"content_type"`
		AnswerType  string `json:"response_content_type"`
		Disposition string `json:"response_content_disposition"`
	}{Method: http.MethodGet, ExpiresIn: defaultExpiry}
	if err := decode(body, &in); err != nil {
		return nil, nil, err
	}
	in.Method = strings.ToUpper(in.Method)
	switch err := in.object.check(); {
	case err != nil:
		return nil, nil, err
	case !e.signed():
		return nil, nil, provider.Errorf(provider.CodeAuth, "an address cannot be signed without keys; set access_key and secret_key")
	case !slices.Contains(presignMethods, in.Method):
		return nil, nil, invalid("method", `"method" must be one of %s`, strings.Join(presignMethods, ", "))
	case in.ExpiresIn < 1 || in.ExpiresIn > maxExpiry:
		return nil, nil, invalid("expires_in", `"expires_in" must be from 1 to %d seconds`, maxExpiry)
	case !headerText(in.ContentType):
		return nil, nil, invalid("content_type", `"content_type" must be printable ASCII`)
	}
	header, query := http.Header{}, in.version()
	if query == nil {
		query = url.Values{}
	}
	if in.ContentType != "" {
		header.Set("Content-Type", in.ContentType)
	}
	for name, value := range map[string]string{"response-content-type": in.AnswerType, "response-content-disposition": in.Disposition} {
		if value != "" {
			query.Set(name, value)
		}
	}
	subdomain, path := e.locate(in.place())
	m := &message{method: in.Method, host: e.host(subdomain), path: e.base.EscapedPath() + path, query: query, header: header, payload: unsignedPayload}
	now := e.now()
	e.presignQuery(m, strconv.FormatInt(int64(in.ExpiresIn), 10), now)
	needed := map[string]string{}
	for name := range header {
		needed[strings.ToLower(name)] = header.Get(name)
	}
	return struct {
		URL       string            `json:"url"`
		Method    string            `json:"method"`
		Headers   map[string]string `json:"headers"`
		ExpiresIn int64             `json:"expires_in"`
		ExpiresAt string            `json:"expires_at"`
	}{
		e.base.Scheme + "://" + m.host + m.path + "?" + encodeQuery(query), in.Method, needed, int64(in.ExpiresIn),
		now.Add(time.Duration(in.ExpiresIn) * time.Second).UTC().Format(time.RFC3339),
	}, &provider.Meta{}, nil
}
