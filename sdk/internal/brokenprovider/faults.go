package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	pb "github.com/backplane-dev/backplane/sdk/internal/providerpb"
	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/rest"
)

// fault is one way to break the contract. The zero value breaks nothing.
type fault struct {
	start    func()                           // before the plugin serves
	printed  func(*provider.Manifest)         // changes what `describe` prints
	manifest func(*provider.Manifest)         // changes the manifest everywhere
	open     func(context.Context, *endpoint) // in Open
	request  func(*provider.ChatRequest)      // before the request is sent
	answer   func(*provider.ChatResponse)     // before the answer is returned
	classify func(*provider.Error) error      // instead of the error
	server   func(pb.ProviderServiceServer) pb.ProviderServiceServer

	messageLimit int  // of the gRPC server
	immortal     bool // lives on when the host is gone
	deaf         bool // does not hear the caller leave
	retries      bool // tries again by itself
	apologetic   bool // sends failures as data
	fragile      bool // panics where nobody recovers
}

// serviceServer shortens the signatures below.
type serviceServer = pb.ProviderServiceServer

var faults = map[string]fault{
	"good": {},

	// What the process does.
	"noisy":    {start: func() { fmt.Println("loading models ...") }},
	"chatty":   {request: func(*provider.ChatRequest) { fmt.Println("got a request") }},
	"immortal": {immortal: true},
	"fragile":  {fragile: true},
	"narrow":   {messageLimit: 4 << 20},

	// What it says of itself.
	"fickle":  {printed: func(m *provider.Manifest) { m.Models.Default = "another" }},
	"hanging": {server: func(s serviceServer) serviceServer { return hanging{s} }},
	"sloppy":  {manifest: func(m *provider.Manifest) { m.Version, m.Settings.Attributes[0].Name = "v1", "base-url" }},
	"boastful": {manifest: func(m *provider.Manifest) {
		m.Operations = append(m.Operations, provider.Operation{Name: provider.OpEmbeddings, Modes: []provider.Mode{provider.ModeCall}})
	}},

	// How it treats endpoints and requests.
	"careless": {server: func(s serviceServer) serviceServer { return careless{s} }},
	"eager":    {open: dialAtOnce},
	"lossy":    {request: func(r *provider.ChatRequest) { r.Extra = nil }, answer: func(r *provider.ChatResponse) { r.Extra = nil }},
	"literal":  {request: func(r *provider.ChatRequest) { r.Model = "kit-alias" }},
	"loyal":    {request: func(r *provider.ChatRequest) { r.Call.Credential = provider.Secret{} }},
	"deaf":     {deaf: true},
	"patient":  {server: func(s serviceServer) serviceServer { return patient{s} }},
	"stubborn": {retries: true},
	"caching":  {server: func(s serviceServer) serviceServer { return &caching{ProviderServiceServer: s} }},

	// How it reports failures.
	"mislabel":   {classify: mislabel},
	"apologetic": {apologetic: true},
	"leaky":      {server: func(s serviceServer) serviceServer { return &leaky{ProviderServiceServer: s} }},
	"indiscreet": {open: func(_ context.Context, e *endpoint) { fmt.Fprintln(os.Stderr, "opened with the key", e.key.Reveal()) }},

	// What its streams look like.
	"talkative":  {server: func(s serviceServer) serviceServer { return streams{s, talkative} }},
	"unfinished": {server: func(s serviceServer) serviceServer { return streams{s, unfinished} }},
	"headless":   {server: func(s serviceServer) serviceServer { return streams{s, headless} }},
	"framed":     {server: func(s serviceServer) serviceServer { return streams{s, framed} }},
	"undrained":  {server: func(s serviceServer) serviceServer { return undrained{s} }},
}

func dialAtOnce(ctx context.Context, e *endpoint) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	resp, err := e.client.Do(ctx, &rest.Request{Path: "/models", Header: e.header(&provider.Request{})})
	if err == nil {
		resp.Close()
	}
}

// mislabel takes a rate limit for a failure of the service.
func mislabel(e *provider.Error) error {
	if e.Code == provider.CodeRateLimit {
		e.Code, e.RetryAfter = provider.CodeUpstream, 0
	}
	return e
}

// sse is a chunk with the framing that belongs to the host.
func sse(chunk []byte) []byte {
	return []byte("data: " + strings.TrimSpace(string(chunk)) + "\n\n")
}
