package main

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/backplane-dev/backplane/sdk/openaicompat"
	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/rest"
)

// version is the first part of all paths.
const version = "/v1"

// Paths below the base URL.
const (
	pathMessages = "/v1/messages"
	pathCount    = "/v1/messages/count_tokens"
	pathModels   = "/v1/models"
)

const betaHeader = "Anthropic-Beta"

// endpoint is an opened endpoint. It does not change once made.
type endpoint struct {
	openaicompat.Connection

	own      ownSettings
	model    string
	key      provider.Secret
	platform bool // the service is Anthropic's own, where nothing goes without a key
	// versioned is true if the base URL has the version already.
	versioned bool
}

// Close implements [io.Closer].
func (e *endpoint) Close() error {
	e.Client.Close()
	return nil
}

// do sends one request and waits for the header of the answer.
func (e *endpoint) do(ctx context.Context, req *provider.Request, out *rest.Request) (*rest.Response, error) {
	if e.platform && e.key.IsZero() && e.own.AuthToken.IsZero() && req.Credential.IsZero() {
		return nil, provider.Errorf(provider.CodeAuth,
			"no key for claude; set api_key in the endpoint or the environment variable ANTHROPIC_API_KEY")
	}
	if e.versioned {
		out.Path = strings.TrimPrefix(out.Path, version)
	}
	out.Header = e.headers(req)
	return e.Client.Do(ctx, out)
}

// headers returns the headers of one request. A key of the caller's own takes
// the place of whatever the endpoint has, in the header that the endpoint uses.
func (e *endpoint) headers(req *provider.Request) http.Header {
	h := e.Header.Clone()
	if betas := e.betas(req.Header["anthropic-beta"]); betas != "" {
		h.Set(betaHeader, betas)
	}
	if req.Credential.IsZero() {
		return h
	}
	h.Del("X-Api-Key")
	h.Del("Authorization")
	if e.key.IsZero() && !e.own.AuthToken.IsZero() {
		h.Set("Authorization", "Bearer "+req.Credential.Reveal())
	} else {
		h.Set("X-Api-Key", req.Credential.Reveal())
	}
	return h
}

// betas joins the endpoint's beta features, those of its setting "headers" and
// the caller's, each once.
func (e *endpoint) betas(callers string) string {
	all := slices.Clone(e.own.Beta)
	for _, name := range strings.Split(e.Header.Get(betaHeader)+","+callers, ",") {
		if name = strings.TrimSpace(name); name != "" && !slices.Contains(all, name) && printable(name) {
			all = append(all, name)
		}
	}
	return strings.Join(all, ",")
}

// printable reports whether text can stand in a header.
func printable(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// resolve is the model of a request whose body the SDK did not decode.
func (e *endpoint) resolve(req *provider.Request, inBody string) string {
	for _, model := range []string{req.Model, inBody, e.model} {
		if model != "" {
			return model
		}
	}
	return defaultModel
}
