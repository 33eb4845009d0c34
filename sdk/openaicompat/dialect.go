package openaicompat

import (
	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/schema"
)

// Dialect says what is particular about one OpenAI-compatible service. Name,
// Version and Operations are required; everything else has OpenAI's value or
// none.
type Dialect struct {
	// Name of the provider, Version of the plugin and what else the manifest
	// says of them.
	Name        string
	Version     string
	Description string
	Homepage    string
	License     string

	// BaseURL is the address below which the operations' paths lie. "" makes
	// the setting base_url required.
	BaseURL string
	// BaseURLEnv names environment variables of the host that are used if the
	// setting base_url is absent.
	BaseURLEnv []string
	// Address makes an address of what operators write as base_url or into one
	// of those variables, for services that are known by other forms, such as
	// "host:port". nil takes it as it is.
	Address func(string) string
	// Auth is how the key is sent.
	Auth Auth
	// Credential names the key's environment variables.
	Credential provider.Credential
	// Headers are sent with every request.
	Headers map[string]string

	// Operations are what the service can do: see [Standard].
	Operations []Operation
	// Models are its models; the default is used for operations that name none
	// of their own.
	Models provider.Models
	// Settings are settings beside those that every provider of this kind has.
	Settings []Setting
	// Limits bound what the plugin takes.
	Limits provider.Limits

	// ForwardHeaders names headers of the caller, in lower case, that go to the
	// service; ReturnHeaders those of the service's answer that go to the caller.
	ForwardHeaders []string
	ReturnHeaders  []string
	// RequestIDHeader is the header in which the service takes our request id,
	// "" if it takes none.
	RequestIDHeader string

	// Codes maps the service's own words, the code or type of an error, to
	// classes. They stand above the common ones; see the package comment.
	Codes map[string]provider.Code
	// Classify has the last word on a service's error. It changes the error in
	// place, and may be nil.
	Classify func(*provider.Error)
	// ClassifyBody does the same with the body of the failed answer at hand; see
	// [rest.Options].
	ClassifyBody func(e *provider.Error, body []byte)

	// NoStreamUsage is true if the service refuses stream_options: they are left
	// out. Callers who ask for usage get the chunk that carries it all the same
	// if the service reports usage in another way.
	NoStreamUsage bool
	// Reasoning is the service's name for the field of messages and deltas that
	// holds what the model thought, such as "reasoning", if it is another than
	// reasoning_content. Callers read and write reasoning_content.
	Reasoning string
	// Messages gives fields of the messages in a chat request other names, for
	// services that refuse what the answers of others have. An empty name
	// removes the field.
	Messages map[string]string
	// NoBase64 is true if the service does not know encoding_format "base64" for
	// embeddings: it is not asked for then, and the answer converted.
	NoBase64 bool
}

// Auth is how a key is sent. The zero value is "Authorization: Bearer KEY".
type Auth struct {
	// Header, such as "api-key"; "" is Authorization.
	Header string
	// Prefix of the key in it. It is used as it is if Header is set.
	Prefix string
}

func (a Auth) header() string {
	if a.Header == "" {
		return "Authorization"
	}
	return a.Header
}

func (a Auth) value(key provider.Secret) string {
	if a == (Auth{}) {
		return "Bearer " + key.Reveal()
	}
	return a.Prefix + key.Reveal()
}

// Setting is a setting of a dialect's own, with what becomes of its value.
// Exactly one of Header, Field and Query says where it goes; settings that are
// absent go nowhere.
type Setting struct {
	schema.Attribute
	// Header of every request that gets the value, a String.
	Header string
	// Field is a top-level field of JSON bodies that gets the value, of any
	// type, where the caller did not give one; Operations are those whose bodies
	// have it, nil for all.
	Field      string
	Operations []string
	// Query is a parameter in the URL of every request, a String.
	Query string
}

// Events is the kind of a service's streams.
type Events uint8

const (
	// Chunks are unnamed events that end with [DONE], as of chat.
	Chunks Events = iota
	// Named are events with a type that end with one of a certain name, as of
	// responses.
	Named
)

// Operation is something that the service can do.
type Operation struct {
	// Name, Modes, Unsafe and Description are those of the manifest. A stream
	// needs ModeStream, an upload or an answer that is not JSON ModeTransfer.
	Name        string
	Modes       []provider.Mode
	Unsafe      bool
	Description string

	// Method of the request; "" is POST.
	Method string
	// Path below the base URL. Names in braces, as in /files/{file_id}, are
	// filled in from the operation's JSON body, in which they are required.
	Path string
	// AtRoot is true if Path lies beside the version in the base URL and not
	// below it, as /health does with a base URL that ends in /v1.
	AtRoot bool
	// UnderModel is true if Path lies below the model's own, as in
	// /{owner}/{model}/v1/chat/completions: services that serve each model at an
	// address of its own.
	UnderModel bool
	// Model is used where neither request nor endpoint names one, before the
	// dialect's default.
	Model string
	// NoModel is true if the request has no field for a model.
	NoModel bool
	// Rename gives top-level fields of the body other names. An empty name
	// removes the field.
	Rename map[string]string
	// Events is the kind of its streams.
	Events Events
	// StreamUsage is true if usage in streams is asked for with stream_options.
	StreamUsage bool
	// Upload is the form field of the uploaded file, "" if the operation takes
	// no upload. A form of the caller's is passed through; anything else is put
	// into a form with the JSON body's fields beside it.
	Upload string
	// Raw is true if the answer is not a JSON object to look into: it is passed
	// on whatever it is.
	Raw bool
	// Request looks at a request's JSON body before anything else does. It
	// returns the body to use, or an error that says what the service cannot
	// do. It must not change the bytes that it is given. nil takes all bodies.
	Request func(body []byte) ([]byte, error)
	// Answer makes the canonical answer to a call of a Raw operation of what the
	// service sent, in place. nil leaves it alone.
	Answer func(*provider.Response) error
}
