// Package rest is HTTP for authors of provider plugins: a client that is safe
// to put in front of a paid, slow and sometimes broken service, and readers for
// the two ways in which such services stream.
//
// Use [New] once per endpoint and [Client.Do] per call:
//
//	client, err := rest.New(rest.Options{BaseURL: "https://api.example.com/v1"})
//	...
//	resp, err := client.Do(ctx, &rest.Request{Path: "/chat", Header: auth, Body: body})
//	if err != nil {
//		return nil, err // always a *provider.Error, classified and without secrets
//	}
//	answer, err := resp.ReadAll()
//
// For a stream set Accept to [TypeEventStream] and read [Response.Events]; for
// JSON lines read [Response.Lines].
//
// # What it decides for you
//
//   - Time: connecting, the TLS handshake, the first byte and the silence
//     between two reads are bounded apart; the context bounds the whole. The
//     end of the context closes the upstream connection at once.
//   - Nothing is sent twice. There are no retries, and a request with a body is
//     never repeated by the transport either: only the host retries.
//   - Redirects are followed on the same scheme, host and port only, and never
//     by changing the method. Anything else is an error that names the target,
//     so that a credential cannot be led away.
//   - Failures are [provider.Error] values: status codes, network errors and
//     error bodies are classified (see [CodeOf], [ParseError]), Retry-After is
//     read in its three forms, credentials are removed from every text.
//   - Memory: whole answers, stream events and error bodies are bounded. Going
//     over a bound is an error, never a shorter answer.
//
// Answers are not compressed on the wire: it costs more time than it saves and
// delays the first chunk of a stream. A service that compresses all the same is
// understood if it uses gzip.
//
// # Which way a request goes
//
// Requests with a [Request.Body], or none, to an http:// base URL without a proxy
// go over connections that this package makes itself: that is what model servers
// on one's own machines speak, and a call costs less than half of the CPU that it
// costs over net/http's transport (internal/http1 has the figures). HTTPS,
// proxies, uploads and subdomains go by that transport. The behaviour is the same,
// and the same tests hold both to it.
package rest
