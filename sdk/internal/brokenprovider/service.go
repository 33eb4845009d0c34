package main

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/rest"
	"github.com/backplane-dev/backplane/sdk/schema"
)

// service is a good provider of chat for services in OpenAI's dialect, with
// places at which a fault can be put in.
type service struct {
	name  string
	fault fault
}

func (s *service) Describe() provider.Manifest {
	m := provider.Manifest{
		Name: s.name, Version: "1.0.0", Description: "Breaks the contract in one way, for tests.",
		Operations: []provider.Operation{
			{Name: provider.OpChat, Modes: []provider.Mode{provider.ModeCall, provider.ModeStream}},
		},
		Settings: schema.Object{Attributes: []schema.Attribute{
			{Name: "base_url", Type: schema.String, Required: true, Description: "Address of the service."},
		}},
		Models: provider.Models{Default: "kit-model"},
	}
	if s.fault.manifest != nil {
		s.fault.manifest(&m)
	}
	return m
}

func (s *service) Open(ctx context.Context, cfg provider.EndpointConfig) (provider.Endpoint, error) {
	var settings struct {
		BaseURL string `json:"base_url"`
	}
	if err := cfg.Settings.Decode(&settings); err != nil {
		return nil, err
	}
	client, err := rest.New(rest.Options{BaseURL: settings.BaseURL, Secrets: []provider.Secret{cfg.Credential}})
	if err != nil {
		return nil, err
	}
	e := &endpoint{client: client, key: cfg.Credential, fault: s.fault}
	if s.fault.open != nil {
		s.fault.open(ctx, e)
	}
	return e, nil
}

type endpoint struct {
	client *rest.Client
	key    provider.Secret
	fault  fault
}

// Close gives back the connections.
func (e *endpoint) Close() error {
	e.client.Close()
	return nil
}

// Test asks for the models, which costs nothing.
func (e *endpoint) Test(ctx context.Context, req *provider.Request) error {
	resp, err := e.client.Do(ctx, &rest.Request{Path: "/models", Header: e.header(req)})
	if e.fault.optimist {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = resp.ReadAll()
	return err
}

func (e *endpoint) Chat(ctx context.Context, req *provider.ChatRequest) (*provider.ChatResponse, error) {
	var answer provider.ChatResponse
	err := e.attempts(ctx, req, func(ctx context.Context) error {
		resp, err := e.post(ctx, req, "")
		if err != nil {
			return err
		}
		body, err := resp.ReadAll()
		if err != nil {
			return err
		}
		if err := json.Unmarshal(body, &answer); err != nil && !e.fault.gullible {
			return protocol("the service's answer is not JSON: %v", err)
		}
		return nil
	})
	if err == nil && e.fault.answer != nil {
		e.fault.answer(&answer)
	}
	if e.fault.proud {
		answer.Meta.Header = map[string]string{"x-used-key": e.key.Reveal()}
	}
	return &answer, err
}

func (e *endpoint) StreamChat(ctx context.Context, req *provider.ChatRequest, out *provider.ChatWriter) (provider.Finish, error) {
	var finish provider.Finish
	if e.fault.hasty {
		if err := out.Start(provider.Meta{}); err != nil {
			return finish, err
		}
	}
	req.Stream, req.StreamOptions = true, &provider.StreamOptions{IncludeUsage: true}
	err := e.attempts(ctx, req, func(ctx context.Context) error {
		resp, err := e.post(ctx, req, rest.TypeEventStream)
		if err != nil {
			return err
		}
		defer resp.Close()
		finish, err = e.copyEvents(resp, out)
		return err
	})
	return finish, err
}

// copyEvents passes on what the service streams.
func (e *endpoint) copyEvents(resp *rest.Response, out *provider.ChatWriter) (finish provider.Finish, err error) {
	events, err := resp.Events()
	if err != nil {
		return finish, err
	}
	for {
		batch, err := events.Next()
		if err != nil && e.fault.trusting {
			return finish, nil
		}
		if err != nil {
			return finish, protocol("the service's stream was cut off: %v", err)
		}
		for _, event := range batch {
			if event.Done() {
				return finish, nil
			}
			var chunk provider.ChatChunk
			if err := json.Unmarshal(event.Data, &chunk); err != nil {
				return finish, protocol("the service's event is not JSON: %v", err)
			}
			if chunk.Extra["error"] != nil && !e.fault.apologetic {
				return finish, resp.ErrorFromBody(event.Data)
			}
			if chunk.Usage != nil {
				finish.Usage = chunk.Usage.Tokens()
			}
			if err := out.Send(&chunk); err != nil {
				return finish, err
			}
		}
	}
}

// attempts runs one attempt, or what the fault makes of it.
func (e *endpoint) attempts(ctx context.Context, req *provider.ChatRequest, once func(context.Context) error) error {
	if strings.Contains(req.Messages[len(req.Messages)-1].Content.String(), "panic") {
		e.panic()
	}
	if e.fault.request != nil {
		e.fault.request(req)
	}
	if e.fault.deaf {
		ctx = context.WithoutCancel(ctx)
	}
	err := once(ctx)
	if err != nil && e.fault.retries && provider.AsError(err).IsTransient() {
		err = once(ctx)
	}
	if err != nil && e.fault.classify != nil {
		return e.fault.classify(provider.AsError(err))
	}
	return err
}

func (e *endpoint) panic() {
	if e.fault.fragile { // in a goroutine of its own, where no SDK can recover it
		done := make(chan struct{})
		go func() { defer close(done); panic("on request") }()
		<-done
	}
	panic("on request")
}

func (e *endpoint) post(ctx context.Context, req *provider.ChatRequest, accept string) (*rest.Response, error) {
	body, err := json.Marshal(req)
	if err != nil {
		return nil, err
	}
	return e.client.Do(ctx, &rest.Request{Path: "/chat/completions", Header: e.header(req.Call), Body: body, Accept: accept})
}

func (e *endpoint) header(call *provider.Request) http.Header {
	if e.fault.keyless {
		return nil
	}
	key := e.key
	if !call.Credential.IsZero() {
		key = call.Credential
	}
	return http.Header{"Authorization": {"Bearer " + key.Reveal()}}
}

func protocol(format string, args ...any) error {
	err := provider.Errorf(provider.CodeProtocol, format, args...)
	err.Source = provider.SourceUpstream
	return err
}
