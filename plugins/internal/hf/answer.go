package hf

import (
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/rest"
)

// Count reads a number of tokens in a header, 0 if it is not there.
func Count(h http.Header, name string) int64 {
	n, err := strconv.ParseInt(h.Get(name), 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// IsJSON checks an answer that is JSON of any shape, such as a list.
func IsJSON(out *provider.Response) error {
	if !json.Valid(out.Body) {
		return Protocol("the service's answer is not JSON")
	}
	return nil
}

// IsHealthy writes the answer to a question for health: the service's own has no
// body.
func IsHealthy(out *provider.Response) error {
	out.ContentType, out.Body = rest.TypeJSON, []byte(`{"status":"ok"}`)
	return nil
}

// Invalid is the error of a request that the service cannot honour.
func Invalid(param, format string, args ...any) *provider.Error {
	e := provider.Errorf(provider.CodeInvalidRequest, format, args...)
	e.Param, e.Source = param, provider.SourceCaller
	return e
}

// Protocol is the error of an answer that cannot be understood.
func Protocol(format string, args ...any) *provider.Error {
	e := provider.Errorf(provider.CodeProtocol, format, args...)
	e.Source = provider.SourceUpstream
	return e
}
