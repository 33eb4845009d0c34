package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/backplane-dev/backplane/sdk/client"
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
	session  sessionFault

	messageLimit int  // of the gRPC server
	immortal     bool // lives on when the host is gone
	deaf         bool // does not hear the caller leave
	retries      bool // tries again by itself
	apologetic   bool // sends failures as data
	fragile      bool // panics where nobody recovers
	clinging     bool // does not end when it is told to
	trusting     bool // takes a cut-off stream for a whole one
	gullible     bool // takes any answer for an answer
	hasty        bool // starts its streams before the service has answered
	keyless      bool // sends no key
	proud        bool // shows the key that it used
	promising    bool // has no sessions, although it says so
	optimist     bool // finds every endpoint well
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

	"mute":     {start: exitByHand},
	"clinging": {clinging: true},

	// What it says of itself.
	"misnamed": {manifest: func(m *provider.Manifest) { m.Name = "another" }},
	"changing": {server: func(s serviceServer) serviceServer { return &changing{ProviderServiceServer: s} }},
	"ailing":   {server: func(s serviceServer) serviceServer { return ailing{s} }},
	"fickle":   {printed: func(m *provider.Manifest) { m.Models.Default = "another" }},
	"hanging":  {server: func(s serviceServer) serviceServer { return hanging{s} }},
	"sloppy":   {manifest: func(m *provider.Manifest) { m.Version, m.Settings.Attributes[0].Name = "v1", "base-url" }},
	"boastful": {manifest: func(m *provider.Manifest) {
		m.Operations = append(m.Operations, provider.Operation{Name: provider.OpEmbeddings, Modes: []provider.Mode{provider.ModeCall}})
	}},

	// How it treats endpoints and requests.
	"careless": {server: func(s serviceServer) serviceServer { return careless{s} }},
	"eager":    {open: dialAtOnce},
	"sticky":   {server: func(s serviceServer) serviceServer { return &sticky{ProviderServiceServer: s} }},
	"hoarder":  {server: func(s serviceServer) serviceServer { return hoarder{s} }},
	"picky":    {server: func(s serviceServer) serviceServer { return picky{s} }},
	"obliging": {server: func(s serviceServer) serviceServer { return obliging{s} }},
	"greedy":   {server: func(s serviceServer) serviceServer { return greedy{s} }, messageLimit: 128 << 20},
	"optimist": {optimist: true},
	"keyless":  {keyless: true},
	"lossy":    {request: func(r *provider.ChatRequest) { r.Extra = nil }, answer: func(r *provider.ChatResponse) { r.Extra = nil }},
	"literal":  {request: func(r *provider.ChatRequest) { r.Model = "kit-alias" }},
	"loyal":    {request: func(r *provider.ChatRequest) { r.Call.Credential = provider.Secret{} }},
	"deaf":     {deaf: true},
	"patient":  {server: func(s serviceServer) serviceServer { return patient{s} }},
	"stubborn": {retries: true},
	"caching":  {server: func(s serviceServer) serviceServer { return &caching{ProviderServiceServer: s} }},

	// How it answers.
	"foreign":   {server: func(s serviceServer) serviceServer { return foreign{s} }},
	"uncounted": {answer: func(r *provider.ChatResponse) { r.Usage = nil }},
	"proud":     {proud: true},

	// How it reports failures.
	"blunt":      {classify: func(e *provider.Error) error { return fmt.Errorf("failed: %s", e.Message) }},
	"gullible":   {gullible: true},
	"trusting":   {trusting: true},
	"hasty":      {hasty: true},
	"mislabel":   {classify: mislabel},
	"apologetic": {apologetic: true},
	"leaky":      {server: func(s serviceServer) serviceServer { return &leaky{ProviderServiceServer: s} }},
	"indiscreet": {open: func(_ context.Context, e *endpoint) { fmt.Fprintln(os.Stderr, "opened with the key", e.key.Reveal()) }},

	// What its streams look like.
	"talkative":  {server: func(s serviceServer) serviceServer { return streams{s, talkative} }},
	"unfinished": {server: func(s serviceServer) serviceServer { return streams{s, unfinished} }},
	"headless":   {server: func(s serviceServer) serviceServer { return streams{s, headless} }},
	"framed":     {server: func(s serviceServer) serviceServer { return streams{s, framed} }},
	"wasteful":   {server: func(s serviceServer) serviceServer { return streams{s, wasteful} }},
	"bare":       {server: func(s serviceServer) serviceServer { return streams{s, bare} }},
	"undrained":  {server: func(s serviceServer) serviceServer { return undrained{s} }},

	// How it keeps the rules of sessions.
	"astray":     {session: sessionFault{send: astray}},
	"echoing":    {session: sessionFault{send: echoing}},
	"restless":   {session: sessionFault{send: restless}},
	"garbled":    {session: sessionFault{send: garbled}},
	"speechless": {session: sessionFault{send: speechless}},
	"abrupt":     {session: sessionFault{opened: abrupt()}},
	"promising":  {promising: true},
	"forgetful":  {session: sessionFault{send: forgetful}},
	"lavish":     {session: sessionFault{lavish: true}},
	"belated":    {session: sessionFault{cancelled: belated}},
	"timeless":   {session: sessionFault{timeless: true}},
	"tolerant":   {session: sessionFault{tolerant: true}},
	"lingering":  {session: sessionFault{lingering: true}},
}

// exitByHand leaves a person who starts the plugin without a word.
func exitByHand() {
	if os.Getenv(client.Handshake.MagicCookieKey) == "" {
		os.Exit(0)
	}
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
