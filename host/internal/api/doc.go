// Package api is the HTTP data plane: OpenAI's paths under /v1, every operation
// of every endpoint under /v1/endpoints, health and metrics.
//
// A handler does four things: it reads the body within a limit, peeks at the
// few fields that decide what happens (see package peek), hands bytes to the
// [Core], and writes bytes back. Bodies are not decoded on the way, so fields
// that nobody here has heard of reach the provider and come back.
//
// # What is not passed through
//
// Answers of plugins go to the caller byte for byte, with one exception: an
// embeddings request that asks for "encoding_format": "base64" and is answered
// with lists of numbers gets base64, because OpenAI's own clients ask for it by
// default and read anything else as an empty vector. In particular an answer
// that lacks a field which OpenAI's description requires (a choice's
// "logprobs", a message's "refusal") reaches the caller without it. What this
// package writes itself (errors, model lists) is complete.
//
// # When an answer begins
//
// The status and headers of a stream are written together with its first chunk.
// Until then a failure, after whatever retries, is an ordinary error with its
// own status; afterwards it is an event within the stream, which then ends
// without [DONE]. While a begun stream is silent, comments keep it alive.
//
// # Objects
//
// /v1/endpoints/{id}/objects/{bucket}/{key...} is an object of an endpoint that
// offers object.get and its relatives, with HTTP's own words for it: GET with
// Range and conditions, HEAD, PUT with Content-Type, Content-Length and
// x-amz-meta-* headers, DELETE; answers are 200, 204, 206, 304, 404, 412 and 416.
// GET /v1/endpoints/{id}/objects/{bucket} lists objects as JSON. Parameters in
// the query (version_id, prefix, max_keys) are the operation's own. Bytes are
// passed on while they arrive, in both directions.
//
// # Browsers
//
// No CORS headers are sent: pages of other origins cannot read answers.
package api
