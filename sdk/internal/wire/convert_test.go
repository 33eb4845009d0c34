package wire

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	pb "github.com/backplane-dev/backplane/sdk/internal/providerpb"
	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/schema"
)

var update = flag.Bool("update", false, "rewrite the golden messages in testdata")

var fullUsage = &provider.Usage{Input: 1, Output: 2, Total: 3, Cached: 4, CacheWrite: 5, Reasoning: 6}

func fullMeta() *provider.Meta {
	return &provider.Meta{
		Status: 200, RequestID: "req_1", Model: "m-1", FinishReason: "stop", Usage: fullUsage,
		RateLimits: []provider.RateLimit{{Meter: "requests", Limit: 60, Remaining: 59, Reset: time.Second}},
		Header:     map[string]string{"x-served-by": "a"},
	}
}

func fullRequest() *provider.Request {
	return &provider.Request{
		Endpoint: "fast", Revision: 7, Operation: "chat", Model: "m", RequestID: "r", Attempt: 2, Timeout: 90 * time.Second,
		ConnectTimeout: 5 * time.Second, Credential: provider.NewSecret("sk-1"), Header: map[string]string{"openai-beta": "x"}, ContentType: "application/json",
		Body: []byte(`{"a":1}`),
	}
}

func fullManifest() provider.Manifest {
	attributes := []schema.Attribute{
		{Name: "base_url", Type: schema.String, Description: "d", Default: "https://x", Pattern: "https?://.*", Env: []string{"URL"}},
		{Name: "retries", Type: schema.Int, Default: float64(3), Min: schema.Bound(0), Max: schema.Bound(9)},
		{Name: "key", Type: schema.String, Required: true, Sensitive: true},
		{Name: "old", Type: schema.StringList, Default: []any{"a", "b"}, Deprecated: "use new"},
		{Name: "mode", Type: schema.String, OneOf: []string{"x", "y"}},
	}
	block := schema.Block{Name: "tls", Description: "d", Required: true, Multiple: true, Object: schema.Object{Attributes: attributes[:1]}}
	return provider.Manifest{
		Name: "full", Version: "1.2.3", Description: "d", Homepage: "h", License: "l", SDK: "go/0.1.0",
		Protocols: []int{1}, Capabilities: []string{"c"},
		Operations: []provider.Operation{{Name: "chat", Unsafe: true, Model: "m", Description: "d",
			Modes: []provider.Mode{provider.ModeCall, provider.ModeStream, provider.ModeTransfer}}},
		Settings:         schema.Object{Attributes: attributes, Blocks: []schema.Block{block}},
		ProviderSettings: schema.Object{Attributes: attributes[1:2]},
		Credential:       provider.Credential{Env: []string{"KEY"}, Required: true},
		Models:           provider.Models{Default: "m", Patterns: []string{"m-*"}},
		ForwardHeaders:   []string{"openai-beta"},
		Limits:           provider.Limits{MaxRequestBytes: 1, MaxResponseBytes: 2, MaxConcurrent: 3},
		Exclusive:        true,
	}
}

func events() map[string]provider.Event {
	return map[string]provider.Event{
		"started":   {Kind: provider.EventStarted, Meta: fullMeta()},
		"data":      {Kind: provider.EventData, Chunks: [][]byte{[]byte(`{"a":1}`), []byte(`{"b":2}`)}},
		"usage":     {Kind: provider.EventUsage, Usage: fullUsage},
		"heartbeat": {Kind: provider.EventHeartbeat},
		"finished":  {Kind: provider.EventFinished, Finish: &provider.Finish{Reason: "stop", Usage: fullUsage}},
	}
}

// travel sends a message through its encoded form.
func travel[M proto.Message](t *testing.T, in, out M) M {
	t.Helper()
	data, err := proto.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	if err := proto.Unmarshal(data, out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestConversionsLoseNothing(t *testing.T) {
	t.Parallel()
	equal := func(what string, got, want any) {
		t.Helper()
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\ngot  %+v\nwant %+v", what, got, want)
		}
	}
	req := fullRequest()
	equal("request", FromEnvelope(travel(t, ToEnvelope(req), &pb.Envelope{}), req.Body), req)
	equal("manifest", FromManifest(travel(t, ToManifest(fullManifest()), &pb.Manifest{})), fullManifest())
	res := &provider.Response{Meta: *fullMeta(), ContentType: "text/plain", Body: []byte("b")}
	equal("response", FromResponse(travel(t, ToResponse(res), &pb.CallResponse{})), res)
	head := provider.TransferHead{Meta: *fullMeta(), ContentType: "audio/mpeg", Length: -1}
	equal("transfer head", FromTransferHead(travel(t, ToTransferHead(head), &pb.TransferResponseHead{})), head)
	diags := []schema.Diagnostic{{Path: "a.b", Warning: true, Summary: "s", Detail: "d"}, {}}
	equal("diagnostics", FromDiagnostics(ToDiagnostics(diags)), diags)
	cfg := provider.EndpointConfig{ID: "e", Revision: 3, Model: "m", Credential: provider.NewSecret("k"), Settings: provider.NewSettings([]byte(`{"a":1}`))}
	in := travel(t, ToEndpointConfig(cfg), &pb.OpenEndpointRequest{})
	equal("endpoint config", fromEndpointConfig(in, in.GetSettingsJson()), cfg)
	for name, event := range events() {
		got, known := FromEvent(travel(t, ToEvent(event), &pb.StreamResponse{}))
		equal(name, got, event)
		equal(name+" is known", known, true)
	}
	if _, known := FromEvent(&pb.StreamResponse{}); known {
		t.Error("an event of an unknown kind passes as known")
	}
}

// A field that somebody adds to the vocabulary but not to the conversions would
// silently get lost: the samples above must fill every field.
func TestTheSamplesFillEveryField(t *testing.T) {
	t.Parallel()
	for _, sample := range []any{*fullRequest(), fullManifest(), *fullMeta(), *fullUsage, fullMeta().RateLimits[0], fullManifest().Limits} {
		v := reflect.ValueOf(sample)
		for i := range v.NumField() {
			if v.Field(i).IsZero() {
				t.Errorf("%s.%s is empty", v.Type(), v.Type().Field(i).Name)
			}
		}
	}
}

func TestGoTypesOfADefaultDoNotMatter(t *testing.T) {
	t.Parallel()
	for _, v := range []any{3, int64(3), float32(3), json.Number("3")} {
		if got := toValue(v).AsInterface(); got != float64(3) {
			t.Errorf("%T: got %v", v, got)
		}
	}
	if got := toValue([]string{"a"}).AsInterface(); !reflect.DeepEqual(got, []any{"a"}) {
		t.Errorf("got %v", got)
	}
	if toValue(nil) != nil || toValue(make(chan int)) != nil {
		t.Error("a default that is no JSON value became one")
	}
}

func TestTextThatIsNotUTF8DoesNotFailTheMessage(t *testing.T) {
	t.Parallel()
	bad := "a\xffb"
	res := &provider.Response{Meta: provider.Meta{Model: bad, RequestID: bad, FinishReason: bad, Header: map[string]string{bad: bad}}}
	got := FromResponse(travel(t, ToResponse(res), &pb.CallResponse{}))
	if want := "a\uFFFDb"; got.Model != want || got.Header[want] != want {
		t.Errorf("got %+v", got)
	}
}

// The golden messages are the contract in the form that other languages see.
// A change of one is a change of the contract.
func TestGoldenMessages(t *testing.T) {
	t.Parallel()
	failure := &provider.Error{Code: provider.CodeRateLimit, StatusCode: 429, Message: "slow down", Type: "requests", UpstreamCode: "rate",
		Param: "model", RetryAfter: 2 * time.Second, Source: provider.SourceUpstream, RequestID: "req_1", Retry: provider.RetryAlways}
	messages := map[string]proto.Message{
		"manifest":      ToManifest(fullManifest()),
		"envelope":      ToEnvelope(fullRequest()),
		"call_response": ToResponse(&provider.Response{Meta: *fullMeta(), ContentType: "text/plain", Body: []byte("b")}),
		"open_endpoint": ToEndpointConfig(provider.EndpointConfig{ID: "e", Revision: 3, Model: "m", Credential: provider.NewSecret("k")}),
		"error":         toProviderError(failure, failure.Code),
		"transfer_head": ToTransferRequest(&provider.TransferRequest{Request: *fullRequest(), Data: bytes.NewReader(nil), DataType: "t", DataLength: 9}),
	}
	for name, event := range events() {
		messages["event_"+name] = ToEvent(event)
	}
	for name, message := range messages {
		golden(t, filepath.Join("testdata", name+".json"), message)
	}
}

// golden compares message with a file in protobuf's JSON form. protojson puts
// random spaces into its output; encoding/json takes them out again.
func golden(t *testing.T, file string, message proto.Message) {
	t.Helper()
	loose, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(message)
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if err := json.Indent(&got, loose, "", "  "); err != nil {
		t.Fatal(err)
	}
	got.WriteByte('\n')
	if *update {
		if err := os.WriteFile(file, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("%s: got\n%swant\n%s(if the change is meant: go test ./sdk/internal/wire -run Golden -update)", file, got.String(), want)
	}
}

func FuzzConversionRoundTrip(f *testing.F) {
	data, err := proto.Marshal(ToEnvelope(fullRequest()))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	for _, event := range events() {
		data, err := proto.Marshal(ToEvent(event))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var envelope pb.Envelope
		if proto.Unmarshal(data, &envelope) == nil {
			once := FromEnvelope(&envelope, nil)
			twice := FromEnvelope(ToEnvelope(once), nil)
			if twice.Endpoint != once.Endpoint || twice.Model != once.Model || twice.Credential != once.Credential {
				t.Fatalf("got %+v, want %+v", twice, once)
			}
		}
		var message pb.StreamResponse
		if proto.Unmarshal(data, &message) == nil {
			once, known := FromEvent(&message)
			if !known {
				return
			}
			if _, err := proto.Marshal(ToEvent(once)); err != nil {
				t.Fatal(err)
			}
			if twice, _ := FromEvent(ToEvent(once)); twice.Kind != once.Kind || !reflect.DeepEqual(twice.Usage, once.Usage) {
				t.Fatalf("got %+v, want %+v", twice, once)
			}
		}
	})
}
