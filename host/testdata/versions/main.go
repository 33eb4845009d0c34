// Command versions is a provider for tests. What it is is set when it is built:
//
//	go build -ldflags "-X main.version=2.0.0 -X main.fault=open"
//
// It answers every prompt with its version, the endpoint's setting word and its
// process's setting mood: "1.0.0 hello calm". From version 2 on it has the setting
// tone, which the answer ends with, and does not know the setting old.
package main

import (
	"context"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/backplane-dev/backplane/sdk"
	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/schema"
)

var (
	name    = "versions"
	version = "1.0.0"
	// fault is what is wrong with it: noise (on standard output, before the
	// handshake), hang (it never gets there), exit (while it is configured), open
	// (it refuses every endpoint), or crash (a moment after its first call).
	fault = ""
)

func main() {
	if len(os.Args) < 2 { // not asked to describe itself
		switch fault {
		case "noise":
			_, _ = os.Stdout.WriteString("hello, I am not a handshake\n")
			os.Exit(7)
		case "hang":
			time.Sleep(time.Hour)
		}
	}
	sdk.Serve(&versions{})
}

type versions struct{ mood string }

func newer() bool { return !strings.HasPrefix(version, "1.") }

func (*versions) Describe() provider.Manifest {
	both := []provider.Mode{provider.ModeCall, provider.ModeStream}
	m := provider.Manifest{
		Name: name, Version: version, Description: "A provider in several versions.",
		Operations: []provider.Operation{{Name: provider.OpChat, Modes: both}},
		Settings:   schema.Object{Attributes: []schema.Attribute{{Name: "word", Type: schema.String, Default: "hello"}}},
		ProviderSettings: schema.Object{Attributes: []schema.Attribute{
			{Name: "mood", Type: schema.String, Default: "calm"},
			{Name: "secret", Type: schema.String, Sensitive: true},
		}},
		Models: provider.Models{Default: "v", Patterns: []string{"v" + version[:1] + "-*"}},
	}
	if newer() {
		m.Settings.Attributes = append(m.Settings.Attributes, schema.Attribute{Name: "tone", Type: schema.String, Default: "new"})
	} else {
		m.Settings.Attributes = append(m.Settings.Attributes, schema.Attribute{Name: "old", Type: schema.String, Default: "yes"})
	}
	return m
}

// Configure implements [provider.Configurer].
func (v *versions) Configure(_ context.Context, cfg provider.ProviderConfig) error {
	if fault == "exit" {
		os.Exit(9)
	}
	settings := struct{ Mood, Secret string }{}
	if err := cfg.Settings.Decode(&settings); err != nil {
		return err
	}
	v.mood = settings.Mood
	return nil
}

func (v *versions) Open(_ context.Context, cfg provider.EndpointConfig) (provider.Endpoint, error) {
	settings := struct{ Word, Tone, Old string }{}
	if err := cfg.Settings.Decode(&settings); err != nil {
		return nil, err
	}
	if fault == "open" || settings.Word == "refused" {
		mistake := schema.Diagnostic{Path: "word", Summary: "Wrong word", Detail: "It is refused."}
		return nil, &provider.ConfigError{Diagnostics: []schema.Diagnostic{mistake}}
	}
	return &endpoint{text: strings.TrimSpace(strings.Join([]string{version, settings.Word, v.mood, settings.Tone}, " "))}, nil
}

type endpoint struct{ text string }

// Chat answers after as many milliseconds as the prompt says.
func (e *endpoint) Chat(ctx context.Context, req *provider.ChatRequest) (*provider.ChatResponse, error) {
	if err := pause(ctx, req); err != nil {
		return nil, err
	}
	message := provider.ResponseMessage{Role: "assistant", Content: &e.text}
	return &provider.ChatResponse{Model: req.Model, Choices: []provider.Choice{{Message: message, FinishReason: "stop"}}}, nil
}

// StreamChat sends the answer in ten pieces, with pauses as [endpoint.Chat].
func (e *endpoint) StreamChat(ctx context.Context, req *provider.ChatRequest, out *provider.ChatWriter) (provider.Finish, error) {
	for i := range 10 {
		if err := pause(ctx, req); err != nil {
			return provider.Finish{}, err
		}
		piece := e.text[i*len(e.text)/10 : (i+1)*len(e.text)/10]
		chunk := &provider.ChatChunk{Model: req.Model, Choices: []provider.ChunkChoice{{Delta: provider.Delta{Content: &piece}}}}
		if err := out.Send(chunk); err != nil {
			return provider.Finish{}, err
		}
	}
	return provider.Finish{Reason: "stop"}, nil
}

func pause(ctx context.Context, req *provider.ChatRequest) error {
	if fault == "crash" {
		time.AfterFunc(200*time.Millisecond, func() { os.Exit(3) })
	}
	ms, err := strconv.Atoi(req.Messages[len(req.Messages)-1].Content.String())
	if err != nil {
		ms = 0
	}
	select {
	case <-time.After(time.Duration(ms) * time.Millisecond):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
