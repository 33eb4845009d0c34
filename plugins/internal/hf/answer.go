package hf

import (
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/backplane-dev/backplane/sdk/openaicompat"
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

// IsJSON is the [openaicompat.Operation.Answer] of operations whose answer is
// JSON of any shape, such as a list.
func IsJSON(out *provider.Response) error {
	if !json.Valid(out.Body) {
		return Protocol("the service's answer is not JSON")
	}
	return nil
}

// IsHealthy is the Answer of an operation that asks for health: the service's
// own has no body.
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

// Info, Health and Metrics are what both servers tell of themselves.
func Info() openaicompat.Operation {
	return get("info", "/info", "Describes the model and the limits of the server.", IsJSON)
}

// Health asks whether the server can answer.
func Health() openaicompat.Operation {
	return get("health", "/health", "Asks whether the server can answer.", IsHealthy)
}

// Metrics returns the server's counters.
func Metrics() openaicompat.Operation {
	return get("metrics", "/metrics", "Returns the server's counters as Prometheus reads them.", nil)
}

func get(name, path, what string, answer func(*provider.Response) error) openaicompat.Operation {
	return openaicompat.Operation{
		Name: name, Modes: []provider.Mode{provider.ModeCall}, Method: http.MethodGet, Path: path,
		NoModel: true, Raw: true, Answer: answer, Description: what,
	}
}

// Native is an operation with the server's own body and answer.
func Native(name, path, what string) openaicompat.Operation {
	return openaicompat.Operation{
		Name: name, Modes: []provider.Mode{provider.ModeCall}, Path: path,
		NoModel: true, Raw: true, Answer: IsJSON, Description: what, Rename: map[string]string{"model": ""},
	}
}
