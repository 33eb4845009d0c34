package provider

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/backplane-dev/backplane/sdk/schema"
)

// Provider is one plugin: a description of what it can do and a way to open
// endpoints. All methods must be safe for concurrent use.
type Provider interface {
	// Describe returns the plugin's manifest. It must be cheap, need no
	// network and always return the same value: the host calls it before the
	// plugin has been configured.
	Describe() Manifest

	// Open makes an endpoint ready for calls. It validates settings and must
	// not contact the service: whether the service answers is asked by
	// [Tester]. The context bounds Open alone, not the endpoint's life; an
	// endpoint that is returned after its end is closed and not used. A mistake
	// in the settings is reported as a [*ConfigError], which the host shows at
	// the line of the configuration that caused it.
	//
	// When an endpoint changes, the host opens it again under the same ID with
	// a higher revision, and closes the older endpoint once its calls ended.
	Open(ctx context.Context, cfg EndpointConfig) (Endpoint, error)
}

// Endpoint is an opened endpoint. It implements one or more of the optional
// interfaces [Caller], [Streamer], [Transferer], [Chatter], [ChatStreamer],
// [Embedder], [Reranker], [ModelLister] and [Tester]. If it also implements
// [io.Closer], Close is called once no call uses it any more.
type Endpoint any

// Configurer is implemented by providers with process-wide settings (the
// settings of the provider block). Configure is called once, before the first
// Open, and only if the manifest declares provider settings.
type Configurer interface {
	Configure(ctx context.Context, cfg ProviderConfig) error
}

// ProviderConfig is what a [Configurer] is given.
type ProviderConfig struct {
	// Settings hold the provider block's settings, checked against
	// [Manifest.ProviderSettings] and with defaults filled in.
	Settings Settings
}

// EndpointConfig is what [Provider.Open] is given.
type EndpointConfig struct {
	// ID names the endpoint; unique within the plugin.
	ID string
	// Revision grows with each change of the endpoint.
	Revision uint64
	// Model is used when a request names none; "" leaves it to the provider.
	Model string
	// Credential is the endpoint's key; empty if none was configured.
	Credential Secret
	// Settings hold the endpoint's settings, checked against
	// [Manifest.Settings] and with defaults filled in.
	Settings Settings
}

// Settings is a JSON object with the settings of an endpoint or a provider. It
// prints as [REDACTED], since settings can hold secrets.
type Settings struct{ raw json.RawMessage }

// NewSettings wraps a JSON object. nil means no settings.
func NewSettings(object json.RawMessage) Settings { return Settings{raw: object} }

// JSON returns the settings as a JSON object, "{}" if there are none.
func (s Settings) JSON() json.RawMessage {
	if len(s.raw) == 0 {
		return json.RawMessage("{}")
	}
	return s.raw
}

// Decode stores the settings in the struct that v points to, by its json tags.
// Durations decode into [schema.DurationValue], sizes into [schema.SizeValue], sensitive
// strings into [Secret]. A setting that the struct does not name is an error:
// it would be accepted and then have no effect.
func (s Settings) Decode(v any) error {
	if err := decodeStrict(s.JSON(), v); err != nil {
		return fmt.Errorf("decode settings: %w", err)
	}
	return nil
}

// Format implements [fmt.Formatter] and never prints the settings.
func (s Settings) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// ConfigError reports mistakes in settings. The host prints each diagnostic
// with the file and line of the setting that its path names.
type ConfigError struct{ Diagnostics []schema.Diagnostic }

// Error joins the diagnostics' summaries.
func (e *ConfigError) Error() string { return schema.Join(e.Diagnostics) }

// Caller answers operations of mode "call" with one body. The body is the
// canonical JSON of the operation, or whatever ContentType says.
type Caller interface {
	Call(ctx context.Context, req *Request) (*Response, error)
}

// Streamer answers operations of mode "stream" with a sequence of canonical
// chunks, for chat: one JSON chunk object each, without any SSE framing.
//
// The first Send (or an explicit Start) tells the host that the service
// answered with success; an error returned before it can be retried by the
// host, an error after it ends the caller's stream. Failures are returned,
// never sent as a chunk. Stream must return soon after ctx ends.
type Streamer interface {
	Stream(ctx context.Context, req *Request, out Sink) (Finish, error)
}

// Sink takes what a [Streamer] produces. It is used by one goroutine.
type Sink interface {
	// Start reports success of the upstream answer, with its metadata. Without
	// it, the first Send starts the stream. A second Start is an error.
	Start(meta Meta) error
	// Send passes on the chunks that are available now; they travel together.
	// Never hold a chunk back to wait for another. The slices may be used
	// again after Send returned. Send blocks while the caller does not read,
	// and fails once the caller left: return that error.
	Send(chunks ...[]byte) error
	// Usage reports tokens used so far. A later report replaces an earlier
	// one, so that a cancelled stream still has its latest figures.
	Usage(u Usage) error
}

// Transferer answers operations of mode "transfer", which move bytes that are
// not JSON: audio, files, objects.
type Transferer interface {
	Transfer(ctx context.Context, req *TransferRequest, out TransferSink) (Finish, error)
}

// TransferSink takes the answer of a [Transferer]: one Start, then the bytes.
type TransferSink interface {
	// Start announces the answer. It must be called once, before any Write.
	Start(head TransferHead) error
	// Write sends bytes of the answer; it blocks while the caller does not read.
	Write(p []byte) (int, error)
}

// Chatter answers "chat" with a whole completion.
type Chatter interface {
	Chat(ctx context.Context, req *ChatRequest) (*ChatResponse, error)
}

// ChatStreamer answers "chat" with a stream of chunks.
type ChatStreamer interface {
	StreamChat(ctx context.Context, req *ChatRequest, out *ChatWriter) (Finish, error)
}

// Embedder answers "embeddings".
type Embedder interface {
	Embed(ctx context.Context, req *EmbeddingRequest) (*EmbeddingResponse, error)
}

// Reranker answers "rerank".
type Reranker interface {
	Rerank(ctx context.Context, req *RerankRequest) (*RerankResponse, error)
}

// ModelLister answers "models".
type ModelLister interface {
	ListModels(ctx context.Context, req *Request) (*ModelList, error)
}

// Tester checks that the service can be reached and accepts the credential,
// at the lowest price the service offers (a model list rather than a completion).
// An endpoint without it is tested by listing its models, else not at all.
type Tester interface {
	Test(ctx context.Context, req *Request) error
}
