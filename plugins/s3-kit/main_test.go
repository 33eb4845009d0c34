package main

import (
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/plugins/internal/plugintest"
	"github.com/backplane-dev/backplane/sdk/client"
	"github.com/backplane-dev/backplane/sdk/provider"
)

const (
	testKey    = "AKIDTESTTESTTEST"
	testSecret = "a-secret-of-the-tests"
)

// open opens an endpoint of the service at url.
func open(t testing.TB, url string, more ...plugintest.Settings) *client.Conn {
	t.Helper()
	settings := plugintest.Settings{"endpoint": url, "access_key": testKey, "secret_key": testSecret}
	for _, m := range more {
		for name, value := range m {
			settings[name] = value
		}
	}
	return plugintest.Open(t, New(), settings, "")
}

// call makes a call that must succeed, and decodes its answer.
func call[T any](t testing.TB, conn *client.Conn, operation, body string) (T, *provider.Response) {
	t.Helper()
	resp, err := conn.Call(t.Context(), plugintest.Request(operation, body))
	if err != nil {
		t.Fatalf("%s %s: %v", operation, body, err)
	}
	var out T
	if err := json.Unmarshal(resp.Body, &out); err != nil {
		t.Fatalf("%s: %s: %v", operation, resp.Body, err)
	}
	return out, resp
}

// upload makes an upload; length -1 hides how long it is.
func upload(t testing.TB, conn *client.Conn, params string, data io.Reader, length int64) (putAnswer, error) {
	t.Helper()
	req := &provider.TransferRequest{Request: *plugintest.Request(opPut, params), Data: data, DataType: "text/plain", DataLength: length}
	resp, err := conn.Transfer(t.Context(), req)
	if err != nil {
		return putAnswer{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return putAnswer{}, err
	}
	var out putAnswer
	if err := json.Unmarshal(body, &out); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return out, nil
}

// mustUpload uploads a text.
func mustUpload(t testing.TB, conn *client.Conn, params, text string) putAnswer {
	t.Helper()
	out, err := upload(t, conn, params, strings.NewReader(text), int64(len(text)))
	if err != nil {
		t.Fatalf("put %s: %v", params, err)
	}
	return out
}

// download reads an object.
func download(t testing.TB, conn *client.Conn, params string) (string, *provider.TransferResponse, error) {
	t.Helper()
	resp, err := conn.Transfer(t.Context(), &provider.TransferRequest{Request: *plugintest.Request(opGet, params)})
	if err != nil {
		return "", nil, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	return string(data), resp, err
}
