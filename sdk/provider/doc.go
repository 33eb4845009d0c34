// Package provider is the vocabulary shared by Backplane's host and its
// provider plugins. A plugin author needs this package and one line of main:
//
//	func main() { sdk.Serve(&myProvider{}) }
//
// # Writing a provider
//
// Implement [Provider]: Describe says what the plugin can do, Open makes an
// [Endpoint] from settings and a credential. What an endpoint can do is shown
// by the small interfaces that it implements. There are two families:
//
//   - typed, for services with a protocol of their own: [Chatter],
//     [ChatStreamer], [Embedder], [Reranker], [ModelLister]. The SDK decodes the
//     canonical JSON body and encodes the answer; JSON fields that the typed
//     structs do not name are kept in their Extra map in both directions.
//   - raw, for services that speak the canonical JSON already: [Caller],
//     [Streamer], [Transferer]. Bodies are bytes and are passed on untouched.
//
// An endpoint may mix them; for an operation that both families could answer
// the typed interface wins. Every operation must be declared in the [Manifest],
// and everything declared must be implemented: the host answers undeclared
// operations with a typed "unsupported" error before any call is made.
//
// # Rules
//
// A provider translates and classifies. It does not retry, queue, cache or
// count, and it reads no environment variable and no file of its own accord:
// the manifest names them and the host reads them. Every failure is an [*Error]
// with a [Code] from the closed set. Credentials are [Secret] values and must
// never appear in messages, logs or metadata.
//
// This package imports the standard library and sdk/schema only.
package provider
