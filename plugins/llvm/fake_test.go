package main

import (
	"net/http"
	"testing"

	"github.com/backplane-dev/backplane/plugins/internal/plugintest"
	"github.com/backplane-dev/backplane/plugins/llvm/internal/reference"
	"github.com/backplane-dev/backplane/sdk/client"
)

const testKey = "a key of one's own"

// newServer starts the reference server, which records what it gets.
func newServer(t testing.TB) *plugintest.Service {
	t.Helper()
	handler := reference.New(testKey, reference.Models())
	return plugintest.NewService(t, handler.ServeHTTP, func(r *http.Request, body []byte) { describedRequest(t, r, body) })
}

func open(t testing.TB, url string) *client.Conn {
	t.Helper()
	return plugintest.Open(t, New(), plugintest.Settings{"base_url": url}, testKey)
}
