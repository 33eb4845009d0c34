package client_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/sdk/client"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// typed implements all typed interfaces beside a raw one that must never be
// chosen for them.
type typed struct {
	caller
	streamer
	chat   func(*provider.ChatRequest) (*provider.ChatResponse, error)
	stream func(*provider.ChatRequest, *provider.ChatWriter) (provider.Finish, error)
	embed  func(*provider.EmbeddingRequest) (*provider.EmbeddingResponse, error)
	rerank func(*provider.RerankRequest) (*provider.RerankResponse, error)
}

func (e typed) Chat(_ context.Context, req *provider.ChatRequest) (*provider.ChatResponse, error) {
	return e.chat(req)
}

func (e typed) StreamChat(_ context.Context, req *provider.ChatRequest, out *provider.ChatWriter) (provider.Finish, error) {
	return e.stream(req, out)
}

func (e typed) Embed(_ context.Context, req *provider.EmbeddingRequest) (*provider.EmbeddingResponse, error) {
	return e.embed(req)
}

func (e typed) Rerank(_ context.Context, req *provider.RerankRequest) (*provider.RerankResponse, error) {
	return e.rerank(req)
}

func (e typed) ListModels(context.Context, *provider.Request) (*provider.ModelList, error) {
	return &provider.ModelList{Data: []provider.Model{{ID: "m-1"}}}, nil
}

// call calls operation with body and returns the answer's fields.
func call(t *testing.T, conn *client.Conn, operation, body string) (*provider.Response, map[string]any) {
	t.Helper()
	req := chatRequest()
	req.Operation, req.Body = operation, []byte(body)
	res, err := conn.Call(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(res.Body, &fields); err != nil {
		t.Fatal(err)
	}
	return res, fields
}

func TestUnknownFieldsSurviveTheTypedPath(t *testing.T) {
	t.Parallel()
	conn := opened(t, typed{chat: func(req *provider.ChatRequest) (*provider.ChatResponse, error) {
		return &provider.ChatResponse{Extra: provider.Extra{
			"of_the_request": req.Extra["new_knob"], "of_the_message": req.Messages[0].Extra["cache_control"],
		}}, nil
	}})
	_, fields := call(t, conn, "chat", `{"messages":[{"role":"user","content":"x","cache_control":{"ttl":9007199254740993}}],"new_knob":[1,"two"]}`)
	if got, _ := json.Marshal(fields["of_the_request"]); string(got) != `[1,"two"]` {
		t.Errorf("got %s", got)
	}
	if fields["of_the_message"] == nil {
		t.Error("the message's field is lost")
	}
}

func TestUnknownFieldsSurviveTheRawPathByteForByte(t *testing.T) {
	t.Parallel()
	body := `{ "messages" : [], "new":  9007199254740993.10, "dup":1,"dup":2 }`
	conn := opened(t, caller(func(_ context.Context, req *provider.Request) (*provider.Response, error) {
		return &provider.Response{Body: req.Body, ContentType: "x/y"}, nil
	}))
	req := chatRequest()
	req.Body = []byte(body)
	res, err := conn.Call(t.Context(), req)
	if err != nil || string(res.Body) != body || res.ContentType != "x/y" {
		t.Fatalf("got %v, %v", res, err)
	}
}

func TestATypedChatIsCompletedFromEnvelopeAndBody(t *testing.T) {
	t.Parallel()
	var seen *provider.ChatRequest
	conn := opened(t, typed{chat: func(req *provider.ChatRequest) (*provider.ChatResponse, error) {
		seen = req
		return &provider.ChatResponse{
			Choices: []provider.Choice{{FinishReason: "stop"}},
			Usage:   &provider.ChatUsage{PromptTokens: 3, CompletionTokens: 4},
		}, nil
	}})
	res, fields := call(t, conn, "chat", `{"model":"alias","messages":[]}`)
	if seen.Model != "m" || seen.Call == nil || seen.Call.RequestID != "r-1" || seen.Call.Endpoint != "e" {
		t.Errorf("the provider saw %+v with call %+v", seen, seen.Call)
	}
	if fields["model"] != "m" || fields["created"] == 0.0 || fields["object"] != "chat.completion" || fields["id"] != "chatcmpl-r-1" {
		t.Errorf("got %v", fields)
	}
	if res.Model != "m" || res.FinishReason != "stop" || res.Usage == nil || res.Usage.Total != 7 {
		t.Errorf("got meta %+v", res.Meta)
	}
}

func TestTheModelComesFromEnvelopeThenBodyThenEndpointThenManifest(t *testing.T) {
	t.Parallel()
	p := serving(typed{chat: func(req *provider.ChatRequest) (*provider.ChatResponse, error) {
		return &provider.ChatResponse{Model: req.Model}, nil
	}})
	p.manifest.Models.Default = "of-manifest"
	conn := dial(t, p)
	open(t, conn, provider.EndpointConfig{ID: "with", Model: "of-endpoint"})
	open(t, conn, provider.EndpointConfig{ID: "without"})
	for _, test := range []struct{ endpoint, envelope, body, want string }{
		{"with", "of-envelope", `"model":"of-body",`, "of-envelope"},
		{"with", "", `"model":"of-body",`, "of-body"},
		{"with", "", "", "of-endpoint"},
		{"without", "", "", "of-manifest"},
	} {
		req := &provider.Request{Endpoint: test.endpoint, Operation: "chat", Model: test.envelope, Body: []byte(`{` + test.body + `"messages":[]}`)}
		res, err := conn.Call(t.Context(), req)
		if err != nil || res.Model != test.want {
			t.Errorf("got %+v, %v, want %s", res, err, test.want)
		}
	}
}

func TestEmbeddingsTakeTheFormThatTheCallerAskedFor(t *testing.T) {
	t.Parallel()
	shared := &provider.EmbeddingResponse{
		Data:  []provider.Embedding{{Vector: provider.Vector{Values: []float32{1, -0.5}}}},
		Usage: &provider.EmbedUsage{PromptTokens: 2, TotalTokens: 2},
	}
	conn := opened(t, typed{embed: func(*provider.EmbeddingRequest) (*provider.EmbeddingResponse, error) { return shared, nil }})
	vector := func(fields map[string]any) any {
		return fields["data"].([]any)[0].(map[string]any)["embedding"]
	}
	res, fields := call(t, conn, "embeddings", `{"input":"x","encoding_format":"base64"}`)
	if got := vector(fields); got != "AACAPwAAAL8=" {
		t.Errorf("base64: got %v", got)
	}
	if res.Usage == nil || res.Usage.Input != 2 || res.Model != "m" {
		t.Errorf("got meta %+v", res.Meta)
	}
	if _, fields = call(t, conn, "embeddings", `{"input":"x"}`); len(vector(fields).([]any)) != 2 {
		t.Errorf("float: got %v", vector(fields))
	}
	if shared.Data[0].Vector.Base64 || shared.Model != "" {
		t.Error("the provider's own answer was changed")
	}
}

func TestRerankAndModelsAreTyped(t *testing.T) {
	t.Parallel()
	conn := opened(t, typed{rerank: func(req *provider.RerankRequest) (*provider.RerankResponse, error) {
		return &provider.RerankResponse{Results: []provider.RerankResult{{Index: len(req.Documents) - 1}}}, nil
	}})
	if _, fields := call(t, conn, "rerank", `{"query":"q","documents":["a",{"text":"b"}]}`); fields["results"].([]any)[0].(map[string]any)["index"] != 1.0 {
		t.Errorf("got %v", fields)
	}
	if _, fields := call(t, conn, "models", ``); fields["object"] != "list" {
		t.Errorf("got %v", fields)
	}
}

func TestATypedStreamCarriesChunks(t *testing.T) {
	t.Parallel()
	conn := opened(t, typed{stream: func(req *provider.ChatRequest, out *provider.ChatWriter) (provider.Finish, error) {
		if err := out.Start(provider.Meta{RequestID: "up-1"}); err != nil {
			return provider.Finish{}, err
		}
		chunk := &provider.ChatChunk{Model: req.Model, Extra: provider.Extra{"new": json.RawMessage("1")}}
		return provider.Finish{Reason: "stop"}, out.Send(chunk, chunk)
	}})
	events := collect(t, conn, chatRequest())
	if len(events) != 3 || events[0].Meta.RequestID != "up-1" || events[2].Finish.Reason != "stop" {
		t.Fatalf("got %+v", events)
	}
	chunks := events[1].Chunks
	if len(chunks) != 2 || !strings.Contains(string(chunks[1]), `"new":1`) || !strings.Contains(string(chunks[1]), `"model":"m"`) {
		t.Errorf("got %s", chunks)
	}
}

func TestMistakesInATypedBodyAreTheCallers(t *testing.T) {
	t.Parallel()
	conn := opened(t, typed{})
	for _, test := range []struct{ operation, body, param string }{
		{"chat", `{`, ""},
		{"chat", `{}`, "messages"},
		{"chat", `{"messages":[],"temperature":"hot"}`, "temperature"},
		{"embeddings", `{}`, "input"},
		{"rerank", `{"query":"q"}`, "documents"},
	} {
		req := chatRequest()
		req.Operation, req.Body = test.operation, []byte(test.body)
		_, err := conn.Call(t.Context(), req)
		wantError(t, err, provider.CodeInvalidRequest, provider.SourceCaller)
		var e *provider.Error
		if errors.As(err, &e) && e.Param != test.param {
			t.Errorf("%s %s: got param %q, want %q", test.operation, test.body, e.Param, test.param)
		}
	}
}

// collect reads a stream to its end.
func collect(t *testing.T, conn *client.Conn, req *provider.Request) []provider.Event {
	t.Helper()
	stream, err := conn.Stream(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	var events []provider.Event
	for {
		event, err := stream.Next()
		if errors.Is(err, io.EOF) {
			return events
		}
		if err != nil {
			t.Fatalf("after %d events: %v", len(events), err)
		}
		for i, chunk := range event.Chunks { // valid until the next Next
			event.Chunks[i] = bytes.Clone(chunk)
		}
		event.Chunks = slices.Clone(event.Chunks)
		events = append(events, event)
	}
}

// wantError checks code and source and returns the error.
func wantError(t *testing.T, err error, code provider.Code, source provider.Source) *provider.Error {
	t.Helper()
	var e *provider.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want a *provider.Error", err)
	}
	if e.Code != code || e.Source != source {
		t.Errorf("got %s of %s (%v), want %s of %s", e.Code, e.Source, e, code, source)
	}
	return e
}
