package ollama

import (
	"strings"
	"testing"
)

func TestAnAddressIsReadAsOllamaReadsIt(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"http://localhost:11434":       "http://localhost:11434/v1",
		"":                             "http://127.0.0.1:11434/v1",
		"  \"gpu.lan\" ":               "http://gpu.lan:11434/v1",
		"gpu.lan:9000":                 "http://gpu.lan:9000/v1",
		":9000":                        "http://127.0.0.1:9000/v1",
		"0.0.0.0":                      "http://127.0.0.1:11434/v1",
		"0.0.0.0:9000":                 "http://127.0.0.1:9000/v1",
		"[::]:9000":                    "http://[::1]:9000/v1",
		"[::1]":                        "http://[::1]:11434/v1",
		"fe80::1":                      "http://[fe80::1]:11434/v1",
		"http://gpu.lan":               "http://gpu.lan:80/v1",
		"https://gpu.lan":              "https://gpu.lan:443/v1",
		"https://gpu.lan:8443/":        "https://gpu.lan:8443/v1",
		"https://gpu.lan/ollama/v1/":   "https://gpu.lan:443/ollama/v1",
		"gpu.lan:9000/ollama":          "http://gpu.lan:9000/ollama",
		"unix:///run/ollama.sock":      "unix://127.0.0.1/run/ollama.sock",
		"http://127.0.0.1:11434/v1":    "http://127.0.0.1:11434/v1",
		"HTTP://never.known.scheme:81": "HTTP://never.known.scheme:81/v1",
	} {
		if got := Address(text, "/v1"); got != want {
			t.Errorf("%q: got %s, want %s", text, got, want)
		}
	}
}

func FuzzAnAddressHasAScheme(f *testing.F) {
	for _, text := range []string{"", "gpu.lan:9000", "[::]:1/x", "https://h/v1", "::", "a%zz", "http://", "h:p:q", "//h"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if address := Address(text, "/v1"); !strings.Contains(address, "://") {
			t.Errorf("%q became %q", text, address)
		}
	})
}
