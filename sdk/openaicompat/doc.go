// Package openaicompat makes a whole provider of a service that speaks OpenAI's
// dialect, from one [Dialect] value. The reader is the author of a provider.
//
//	func New() provider.Provider {
//		return openaicompat.New(openaicompat.Dialect{
//			Name:       "acme",
//			Version:    "1.0.0",
//			BaseURL:    "https://api.acme.example/v1",
//			Credential: provider.Credential{Env: []string{"ACME_API_KEY"}, Required: true},
//			Models:     provider.Models{Default: "acme-1", Patterns: []string{"acme-*"}},
//			Operations: openaicompat.Standard(provider.OpChat, provider.OpEmbeddings, provider.OpModels),
//		})
//	}
//
// What differs between services is data: paths, the header of the key, names of
// fields, the words of errors, what a service can do. Nothing is copied, and a
// service that is fixed is fixed for all.
//
// # Bytes pass through
//
// Bodies are not decoded. In a request the top-level fields that must differ are
// changed in place (the model, stream, stream_options, renamed fields); all
// other bytes go to the service as the caller wrote them. Answers and the chunks
// of streams come back as the service wrote them; usage, finish reason, model
// and id are looked up beside that. A field that the service adds tomorrow works
// today.
//
// # Streams
//
// Usage is always asked for, unless the dialect says that the service does not
// know how, and the chunk that carries it is passed on only to callers who asked
// for it themselves. Chunks that arrived together are sent together; the first
// never waits. A stream ends well with [DONE], or with the connection if a
// finish reason was seen; else it was cut off and is an error. Errors inside a
// stream that began with 200 are errors of their class.
//
// # Errors
//
// The class comes from the status (see [rest.CodeOf]) and, above it, from the
// service's own words: no money left (insufficient_quota) is CodeQuota and not a
// rate limit, a prompt over the context's length (context_length_exceeded) is
// CodeTooLarge, refused content is CodeContentFilter. [Dialect.Codes] adds words,
// [Dialect.Classify] code.
package openaicompat
