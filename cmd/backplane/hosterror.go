package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/backplane-dev/backplane/sdk/schema"
)

// hostError is an answer of the host that says no.
type hostError struct {
	Status  int // 0 for an error inside a stream
	Message string
	Type    string
	Code    string
	Param   string
	// Diagnostics are the mistakes in the description of an endpoint.
	Diagnostics []schema.Diagnostic
	RetryAfter  string
	RequestID   string
}

// Error returns the message with all that helps to find the cause.
func (e *hostError) Error() string {
	var b strings.Builder
	switch {
	case e.Code != "" && e.Status != 0:
		fmt.Fprintf(&b, "%s (HTTP %d): ", e.Code, e.Status)
	case e.Code != "":
		b.WriteString(e.Code + ": ")
	case e.Status != 0:
		fmt.Fprintf(&b, "HTTP %d: ", e.Status)
	}
	b.WriteString(e.Message)
	if e.RetryAfter != "" {
		fmt.Fprintf(&b, "; try again in %s s", e.RetryAfter)
	}
	for _, d := range e.Diagnostics {
		fmt.Fprintf(&b, "\n  %s", d)
	}
	return b.String()
}

// errorBody is the shape of errors of both APIs.
type errorBody struct {
	Error *struct {
		Message string `json:"message"`
		Type    string `json:"type"`
		Param   string `json:"param"`
		Code    string `json:"code"`
		// Diagnostics come from the admin API alone.
		Diagnostics []schema.Diagnostic `json:"diagnostics"`
	} `json:"error"`
}

// readHostError reads the error from an answer, as an error with its exit code.
func readHostError(resp *http.Response) error {
	data, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return fmt.Errorf("read the host's answer: %w", err)
	}
	e := parseHostError(resp.StatusCode, data)
	e.RetryAfter = resp.Header.Get("Retry-After")
	e.RequestID = resp.Header.Get("X-Request-Id")
	return &codedError{exitRefused, e}
}

func parseHostError(status int, data []byte) *hostError {
	e := &hostError{Status: status}
	var body errorBody
	if json.Unmarshal(data, &body) != nil || body.Error == nil {
		e.Message = strings.TrimSpace(string(data[:min(len(data), 300)]))
		if e.Message == "" && status != 0 {
			e.Message = strings.ToLower(http.StatusText(status))
		}
		return e
	}
	e.Message, e.Type, e.Code = body.Error.Message, body.Error.Type, body.Error.Code
	e.Param, e.Diagnostics = body.Error.Param, body.Error.Diagnostics
	return e
}
