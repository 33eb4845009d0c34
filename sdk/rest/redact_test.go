package rest

import (
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/backplane-dev/backplane/sdk/provider"
)

func TestRedactRemovesWhatLooksLikeACredential(t *testing.T) {
	t.Parallel()
	const key = "abcDEF123456ghiJKL789"
	for _, text := range []string{
		"Incorrect API key provided: sk-proj-" + key + ". Find yours at",
		"Incorrect API key provided: sk-abcd********" + key,
		"header Authorization: Bearer " + key + " refused",
		`{"api_key": "` + key + `"}`,
		"password=" + key,
		"GET https://host/v1/models?key=" + key + "&alt=sse",
		"https://user:" + key + "@proxy.example.com/",
		"key AIzaSy" + key,
		"id AKIA" + strings.ToUpper(key),
		"gsk_" + key + " and hf_" + key,
		"token eyJhbGciOiJI.eyJzdWIiOiIx." + key,
	} {
		got := Redact(text)
		if strings.Contains(got, key) || !strings.Contains(got, redacted) {
			t.Errorf("%q became %q", text, got)
		}
	}
}

func TestRedactLeavesPlainTextAlone(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"Unrecognized request argument supplied: api_key",
		"unknown key: temprature",
		"the token limit is 4096 tokens",
		"basic auth is off; see https://example.com/keys?page=2",
		"risk-free task-based work",
	} {
		if got := Redact(text); got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
}

func TestRedactRemovesKnownSecretsAlsoWhereTheyAreEscaped(t *testing.T) {
	t.Parallel()
	secret := provider.NewSecret("pa/ss word+1")
	got := Redact("a pa/ss word+1 b pa%2Fss+word%2B1 c pa%2Fss%20word+1 d", secret)
	if want := "a [REDACTED] b [REDACTED] c [REDACTED] d"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := Redact("an x here", provider.NewSecret("x")); got != "an x here" {
		t.Errorf("a secret of one letter garbled the text: %q", got)
	}
}

func TestHeaderSecretsFindTheTokenInAuthorization(t *testing.T) {
	t.Parallel()
	h := http.Header{"Authorization": {"Bearer plain-word-token"}, "Api-Key": {"other-word"}}
	got := Redact("plain-word-token other-word stays", headerSecrets(h)...)
	if want := "[REDACTED] [REDACTED] stays"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestCleanMakesOneBoundedValidLine(t *testing.T) {
	t.Parallel()
	got := clean("a\x00b\xff\n\t c  d"+strings.Repeat("€", 100), 50)
	if !utf8.ValidString(got) || len(got) > 50 || strings.ContainsAny(got, "\n\t\x00") || !strings.HasSuffix(got, "…") {
		t.Errorf("got %q", got)
	}
	if got := clean(" plain ", 50); got != "plain" {
		t.Errorf("got %q", got)
	}
}
