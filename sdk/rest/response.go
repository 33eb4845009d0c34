package rest

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
)

const (
	maxErrorBody  = 64 << 10
	errorBodyTime = 5 * time.Second
	// drainTime is how long the end of a finished stream is waited for, so that
	// its connection can be used again, drainBytes how much of it.
	drainTime  = 20 * time.Millisecond
	drainBytes = 4 << 10
)

// Response is the answer of a service, its body not read yet. It is used by one
// goroutine, but for Close.
type Response struct {
	Status int
	Header http.Header
	// ContentType without parameters, in lower case.
	ContentType string
	// Length is the number of bytes that follow, -1 if not known.
	Length int64

	body *body
}

// begin looks at the header. keepEncoding is the request's.
func (r *Response) begin(keepEncoding bool) {
	r.ContentType = mediaType(r.Header)
	encoding := first(r.Header, "Content-Encoding")
	if encoding != "" && (!keepEncoding || r.Status >= 300) {
		r.decode(strings.ToLower(encoding))
	}
}

// decode sets up the decoding of a body that the service encoded unasked.
func (r *Response) decode(encoding string) {
	switch encoding {
	case "identity":
	case "gzip", "x-gzip":
		r.Length = -1
		r.body.decode = func(src io.Reader) (io.Reader, error) {
			decoded, err := gzip.NewReader(src)
			if err != nil {
				return nil, protocolError(r.Status, "the service's answer is not gzip, as it says it is: %v", err)
			}
			return decoded, nil
		}
	default:
		r.Length = -1
		r.body.decode = func(io.Reader) (io.Reader, error) {
			return nil, protocolError(r.Status, "the service encoded its answer as %q, which was not asked for", clean(encoding, 40))
		}
	}
}

// mediaType returns the content type without parameters.
func mediaType(h http.Header) string {
	t, _, _ := strings.Cut(first(h, "Content-Type"), ";")
	return strings.ToLower(strings.TrimSpace(t))
}

// Meta returns what the answer's header reports: status, request id and rate
// limits.
func (r *Response) Meta() provider.Meta {
	return provider.Meta{
		Status:     r.Status,
		RequestID:  RequestID(r.Header),
		RateLimits: RateLimits(r.Header, time.Now()),
	}
}

// Read reads the body, for answers that are passed on as bytes. Its errors are
// io.EOF and [*provider.Error].
func (r *Response) Read(p []byte) (int, error) { return r.body.Read(p) }

// Close ends the answer. If it was not read to its end, the connection to the
// service is closed, which makes most services stop working on it. Close is
// safe to call more than once and from any goroutine.
func (r *Response) Close() { r.body.x.end(errClosed) }

// ReadAll reads the whole body and closes it. A body over
// [Options.MaxResponseBytes] is an error.
func (r *Response) ReadAll() ([]byte, error) {
	defer r.Close()
	limit := r.body.x.client.maxBody
	if r.Length > limit {
		return nil, bodyTooLarge(r.Status, limit)
	}
	var data []byte
	var err error
	if r.Length >= 0 {
		data = make([]byte, r.Length)
		_, err = io.ReadFull(r.body, data)
		if err == nil && r.body.err == nil { // HTTP/2 may send the end apart
			_, err = r.body.Read(make([]byte, 1))
		}
	} else {
		data, err = readAll(r.body, limit)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, bodyTooLarge(r.Status, limit)
	}
	return data, nil
}

// wholes are the buffers in which answers of unknown length begin.
var wholes = sync.Pool{New: func() any { return new([16 << 10]byte) }}

// readAll reads to the end, or to more than limit bytes. Most answers fit into a
// pooled buffer, and what is returned is allocated once, with its own size.
func readAll(r io.Reader, limit int64) ([]byte, error) {
	pooled := wholes.Get().(*[16 << 10]byte)
	defer wholes.Put(pooled)
	buf := pooled[:min(limit+1, int64(len(pooled)))]
	n := 0
	for n < len(buf) {
		more, err := r.Read(buf[n:])
		if n += more; err != nil {
			return bytes.Clone(buf[:n]), err
		}
	}
	begin := bytes.Clone(buf)
	if int64(n) > limit {
		return begin, nil
	}
	rest, err := io.ReadAll(io.LimitReader(r, limit+1-int64(n)))
	return append(begin, rest...), err
}

// Finish closes a stream whose last event has arrived. It waits for a moment
// for the end of the body, which often comes in a packet of its own, since
// closing earlier would cost the connection.
func (r *Response) Finish() {
	r.body.drain()
	r.Close()
}

// Events returns a reader of the server-sent events in the body. An answer of
// another kind is an error: what the service reports if it is an error object,
// else CodeProtocol with the beginning of the body. The response is closed then.
func (r *Response) Events() (*EventReader, error) {
	if r.ContentType != TypeEventStream && r.ContentType != "" {
		return nil, r.unexpected("an event stream")
	}
	return NewEventReader(r.body, r.body.x.client.maxEvent), nil
}

// Lines returns a reader of the JSON lines in the body, with the errors of
// [Response.Events].
func (r *Response) Lines() (*LineReader, error) {
	switch r.ContentType {
	case TypeLines, "application/jsonl", "application/json-lines", "application/x-jsonlines", TypeJSON, "":
		return NewLineReader(r.body, r.body.x.client.maxEvent), nil
	default:
		return nil, r.unexpected("JSON lines")
	}
}

// ErrorFromBody makes the error that the service reported inside an answer of
// status 200, as [ErrorFromBody] does, with the request id of the answer and
// classified by [Options.Classify] and [Options.ClassifyBody].
func (r *Response) ErrorFromBody(data []byte) *provider.Error {
	e := ErrorFromBody(data, r.body.x.secrets()...)
	fromHeader(e, r.Header)
	return r.classified(e, data)
}

// failure reads an answer that is not a success and makes its error. The status
// says enough if the body does not come.
func (r *Response) failure() *provider.Error {
	giveUp := time.AfterFunc(errorBodyTime, r.Close)
	defer giveUp.Stop()
	data, err := r.head()
	if err != nil && r.body.x.parent.Err() != nil {
		return provider.AsError(err)
	}
	return r.classified(ErrorFromAnswer(r.Status, r.Header, data, r.body.x.secrets()...), data)
}

// unexpected makes the error of an answer of the wrong kind.
func (r *Response) unexpected(want string) *provider.Error {
	data, err := r.head()
	if err != nil {
		return provider.AsError(err)
	}
	return r.Unexpected(data, want)
}

// Unexpected makes the error of an answer with a success status whose body,
// given in data, is not what was wanted ("an event stream"): what the service
// reports if it is an error object, else CodeProtocol with the beginning of the
// body.
func (r *Response) Unexpected(data []byte, want string) *provider.Error {
	if isErrorObject(data) {
		return r.ErrorFromBody(data)
	}
	e := protocolError(r.Status, "the service sent %q where %s was expected: %s",
		clean(r.ContentType, 60), want, Redact(plainText(data), r.body.x.secrets()...))
	e.RequestID = RequestID(r.Header)
	return e
}

// head reads the beginning of the body, enough for an error, and closes it.
func (r *Response) head() ([]byte, error) {
	defer r.Close()
	return io.ReadAll(io.LimitReader(r.body, maxErrorBody))
}

func (r *Response) classified(e *provider.Error, body []byte) *provider.Error {
	client := r.body.x.client
	if client.classify != nil {
		client.classify(e)
	}
	if client.withBody != nil {
		client.withBody(e, body)
	}
	return e
}

// isErrorObject reports whether data is a JSON object that names an error.
func isErrorObject(data []byte) bool {
	var object struct {
		Error json.RawMessage `json:"error"`
	}
	return json.Unmarshal(data, &object) == nil && isSet(object.Error)
}

func protocolError(status int, format string, args ...any) *provider.Error {
	return &provider.Error{
		Code:       provider.CodeProtocol,
		StatusCode: status,
		Message:    fmt.Sprintf(format, args...),
		Source:     provider.SourceUpstream,
	}
}

func bodyTooLarge(status int, limit int64) *provider.Error {
	e := protocolError(status, "the service's answer is larger than %d bytes", limit)
	e.Retry = provider.RetryNever // it would be as large the next time
	e.Cause = ErrTooLarge
	return e
}
