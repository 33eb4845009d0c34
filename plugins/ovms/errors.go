package main

import (
	"net/http"
	"strings"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// reasons are beginnings of the server's messages, in lower case, that mean
// another class than their status. The server has no codes: its errors are one
// text each, with a dash and details behind it.
var reasons = []struct {
	text string
	code provider.Code
}{
	{"invalid request url", provider.CodeUnsupported},
	{"unsupported method", provider.CodeUnsupported},
	{"unsupported deserialization precision", provider.CodeUnsupported},
	{"unsupported serialization precision", provider.CodeUnsupported},

	{"server is not ready", provider.CodeOverloaded},
	{"model with requested version is not loaded yet", provider.CodeOverloaded},
	{"pipeline is not loaded yet", provider.CodeOverloaded},

	{"model could not be reshaped with requested shape", provider.CodeInvalidRequest},
	{"mediapipe graph precondition failed", provider.CodeInvalidRequest},
	{"failed to add packet to mediapipe graph input stream", provider.CodeInvalidRequest},

	{"the provided base path is invalid", provider.CodeConflict},
	{"file not found or cannot open", provider.CodeConflict},
	{"not a single model version directory", provider.CodeConflict},
	{"the provided shape is in wrong format", provider.CodeConflict},
	{"plugin config is in wrong format", provider.CodeConflict},
	{"model version policy", provider.CodeConflict},
}

// tooLong is in the message of a generative model whose context is too small.
const tooLong = "exceeds model max length"

// classify improves the class that the status gave.
func classify(e *provider.Error) {
	text := strings.ToLower(e.Message)
	if strings.Contains(text, tooLong) {
		e.Code = provider.CodeTooLarge
		return
	}
	for _, reason := range reasons {
		if strings.HasPrefix(text, reason.text) {
			e.Code = reason.code
			return
		}
	}
}

// saysNotReady reports whether the server said that it, or a model, is not ready
// yet.
func saysNotReady(e *provider.Error) bool {
	return e.Source == provider.SourceUpstream && e.Code == provider.CodeOverloaded && e.StatusCode != 0
}

// noResult is the error of a pipeline that ended without any result: a node of
// it found nothing to go on with, and will not the next time.
func noResult() *provider.Error {
	return &provider.Error{
		Code: provider.CodeInvalidRequest, StatusCode: http.StatusNoContent, Source: provider.SourceUpstream,
		Message: "the pipeline gave no result for this input: one of its nodes found nothing in it",
	}
}
