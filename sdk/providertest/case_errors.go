package providertest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// unkind is a way for a service to fail, and what a provider should make of it.
type unkind struct {
	name string
	// answer is what the service does; it sees the fake for its error shape.
	answer func(*fake) behaviour
	codes  []provider.Code // any of them
	status int             // expected StatusCode, 0 is not looked at
	words  bool            // the service's message must be kept
	// Expected RetryAfter, within a tolerance of a tenth and, for dates, 2 s.
	retryAfter time.Duration
	advice     string
}

const (
	classifyAdvice = "classify the service's error; sdk/rest does it for HTTP services: the code decides whether the host retries, opens the circuit or tells the caller"
	waitAdvice     = "report how long the service asks to wait in Error.RetryAfter; sdk/rest reads all three forms of Retry-After"
)

func refused(name string, status int, codes ...provider.Code) unkind {
	return unkind{
		name: name, status: status, codes: codes, words: true, advice: classifyAdvice,
		answer: func(f *fake) behaviour { return f.refuse(status) },
	}
}

func limited(name string, want time.Duration, header string, value func() string) unkind {
	return unkind{
		name: name, status: 429, codes: []provider.Code{provider.CodeRateLimit}, retryAfter: want, advice: waitAdvice,
		answer: func(f *fake) behaviour { return f.refuse(429, header, value()) },
	}
}

func fixed(s string) func() string { return func() string { return s } }

// unkindAnswers are the failures that a service reports by itself.
var unkindAnswers = []unkind{
	refused("400-invalid-request", 400, provider.CodeInvalidRequest),
	refused("401-auth", 401, provider.CodeAuth),
	refused("403-permission", 403, provider.CodePermission),
	refused("404-not-found", 404, provider.CodeNotFound),
	refused("413-too-large", 413, provider.CodeTooLarge),
	refused("429-rate-limit", 429, provider.CodeRateLimit),
	limited("429-retry-after-seconds", 7*time.Second, "Retry-After", fixed("7")),
	limited("429-retry-after-date", 30*time.Second, "Retry-After", func() string {
		return time.Now().Add(30 * time.Second).UTC().Format(http.TimeFormat)
	}),
	limited("429-retry-after-ms", 1500*time.Millisecond, "Retry-After-Ms", fixed("1500")),
	refused("500-upstream", 500, provider.CodeUpstream),
	refused("503-overloaded", 503, provider.CodeUpstream, provider.CodeOverloaded),
	{
		name: "502-html", status: 502, codes: []provider.Code{provider.CodeUpstream}, advice: classifyAdvice,
		answer: func(*fake) behaviour {
			return respond(502, "text/html", "<html><body><h1>502 Bad Gateway</h1></body></html>")
		},
	},
	{
		name: "200-html", codes: []provider.Code{provider.CodeProtocol},
		advice: "check that a success has the service's own shape: proxies and login pages answer 200 with HTML",
		answer: func(*fake) behaviour { return respond(200, "text/html", "<html><body>Please log in</body></html>") },
	},
	{
		name: "200-half-json", codes: []provider.Code{provider.CodeProtocol},
		advice: "check that the answer is whole before it is passed on: half an answer is a failure",
		answer: func(*fake) behaviour { return respond(200, "application/json", `{"id":"kit","choices":[{"index":0,`) },
	},
	{
		name: "200-cut-off", codes: []provider.Code{provider.CodeProtocol, provider.CodeUnreachable},
		advice: "treat a connection that ends before its answer as a failure",
		answer: func(*fake) behaviour { return cutBody("application/json", `{"id":"kit","choices":[`) },
	},
}

// errorCases look at how failures of the service are classified.
func errorCases() []testCase {
	var all []testCase
	for _, u := range unkindAnswers {
		all = append(all, testCase{
			name: "errors/" + u.name, advice: u.advice,
			why: "the host decides by the code: what is retried, what counts against the service, what the caller is told",
			run: func(ctx context.Context, l *lab) error { return classified(ctx, l, u, provider.ModeCall) },
		})
	}
	return append(all,
		testCase{
			name: "errors/connection-refused", advice: classifyAdvice,
			why: "a service that is down must be told from one that answers with failures",
			run: connectionRefused,
		},
		testCase{
			name: "errors/stream-refused", advice: "report a failure before the first chunk as an error, without the event started",
			why: "a stream that fails before it began can be tried again by the host, unseen by the caller",
			run: streamRefused,
		},
		testCase{
			name: "errors/stream-cut-off", advice: "end a stream that the service cut off with the code \"protocol\" or \"unreachable\", never with finished",
			why: "a cut-off answer must not pass for a whole one",
			run: streamCutOff,
		},
		testCase{
			name: "errors/stream-error-event", advice: "look for the service's error object in each event; return it as an error instead of sending it on",
			why: "services report failures inside a stream that answered 200; sent on as data they look like an answer",
			run: streamErrorEvent,
		},
		testCase{
			name: "retries/none", advice: "send each request once: turn off the retries of client libraries",
			why: "the host retries, with a budget, backoff and the caller's deadline; a second layer below multiplies the load on a service in trouble",
			run: noRetries, timeout: 30 * time.Second,
		},
	)
}

// classified makes a request of a service that fails in the given way.
func classified(ctx context.Context, l *lab, u unkind, mode provider.Mode) error {
	if err := l.needService(); err != nil {
		return err
	}
	s, err := l.anySample(mode)
	if err != nil {
		return err
	}
	b, err := l.open(ctx)
	if err != nil {
		return err
	}
	l.service.script(u.answer(l.service))
	return u.check(b.raw(ctx, mode, b.request(s, "hello")))
}

// check compares an error with what it should be.
func (u unkind) check(err error) error {
	var e *provider.Error
	switch {
	case err == nil:
		return errors.New("the request was answered with success")
	case !errors.As(err, &e):
		return err
	case !slices.Contains(u.codes, e.Code):
		return fmt.Errorf("the code is %q, want %s; the error is: %w", e.Code, oneOf(u.codes), e)
	case e.Source != provider.SourceUpstream:
		return fmt.Errorf("the source is %q, want %q; the error is: %w", e.Source, provider.SourceUpstream, e)
	case u.status != 0 && e.StatusCode != u.status:
		return fmt.Errorf("the status code is %d, want %d; the error is: %w", e.StatusCode, u.status, e)
	case u.words && !strings.Contains(e.Message, refusal):
		return &failure{
			seen:   fmt.Sprintf("the service's own message %q is lost; the error is: %v", refusal, e),
			advice: "keep the service's message in Error.Message: it is what the caller can act on",
		}
	case u.retryAfter != 0 && !near(e.RetryAfter, u.retryAfter):
		return fmt.Errorf("RetryAfter is %v, want %v; the error is: %w", e.RetryAfter, u.retryAfter, e)
	default:
		return nil
	}
}

// near allows a tenth, and the 2 s that a date without fractions can lose.
func near(got, want time.Duration) bool {
	return got >= want-max(want/10, min(2*time.Second, want/10*3)) && got <= want+want/10
}

func oneOf(codes []provider.Code) string {
	quoted := make([]string, len(codes))
	for i, c := range codes {
		quoted[i] = fmt.Sprintf("%q", c)
	}
	return strings.Join(quoted, " or ")
}

// connectionRefused points the provider to a port on which nobody listens.
func connectionRefused(ctx context.Context, l *lab) error {
	if err := l.needService(); err != nil {
		return err
	}
	s, err := l.anySample(provider.ModeCall)
	if err != nil {
		return err
	}
	nobody, err := deadURL()
	if err != nil {
		return err
	}
	b, err := l.open(ctx, l.service.settings(nobody))
	if err != nil {
		return err
	}
	u := unkind{codes: []provider.Code{provider.CodeUnreachable}}
	return u.check(b.raw(ctx, provider.ModeCall, b.request(s, "hello")))
}

// deadURL is the address of a port that was free a moment ago.
func deadURL() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return "http://" + listener.Addr().String(), listener.Close()
}

func streamRefused(ctx context.Context, l *lab) error {
	t, err := l.failingStream(ctx, func(f *fake) behaviour { return f.refuse(500) })
	if skipped(err) {
		return err
	}
	if len(t.kinds) > 0 {
		return fmt.Errorf("the service refused with 500, the stream sent %s", t)
	}
	return refused("", 500, provider.CodeUpstream).check(err)
}

func streamCutOff(ctx context.Context, l *lab) error {
	t, err := l.failingStream(ctx, func(*fake) behaviour { return cutStream() })
	if skipped(err) {
		return err
	}
	if t.finish != nil {
		return fmt.Errorf("the service's stream was cut off, the provider's finished; it sent %s", t)
	}
	return unkind{codes: []provider.Code{provider.CodeProtocol, provider.CodeUnreachable}}.check(err)
}

func streamErrorEvent(ctx context.Context, l *lab) error {
	if l.service != nil && l.service.StreamError == "" {
		return skipf("the service has no errors within a stream")
	}
	t, err := l.failingStream(ctx, func(f *fake) behaviour { return endStream(f.StreamError) })
	if skipped(err) {
		return err
	}
	for _, chunk := range t.chunks {
		if isFailure(chunk) || contains(chunk, streamErrorText) {
			return fmt.Errorf("the service's error was sent on as a chunk: %s", clip(chunk))
		}
	}
	if t.finish != nil {
		return fmt.Errorf("the service's stream failed, the provider's finished; it sent %s", t)
	}
	var e *provider.Error
	if !errors.As(err, &e) || e.Code == provider.CodeInternal || e.Code == provider.CodePluginUnavailable {
		return fmt.Errorf("the service's stream failed, the provider's ended with: %w", err)
	}
	return nil
}

// failingStream runs a stream of a service that fails in the given way. The
// transcript is never nil; a skip of the case is an error too.
func (l *lab) failingStream(ctx context.Context, answer func(*fake) behaviour) (*transcript, error) {
	t := &transcript{}
	if err := l.needService(); err != nil {
		return t, err
	}
	s, err := l.anySample(provider.ModeStream)
	if err != nil {
		return t, err
	}
	b, err := l.open(ctx)
	if err != nil {
		return t, err
	}
	l.service.script(answer(l.service))
	stream, err := b.rawStream(ctx, b.request(s, "one two three"))
	if err != nil {
		return t, err
	}
	return collect(stream)
}

func skipped(err error) bool {
	var skip *skipError
	return errors.As(err, &skip)
}

func noRetries(ctx context.Context, l *lab) error {
	if err := l.needService(); err != nil {
		return err
	}
	ways := []struct {
		name   string
		answer behaviour
	}{
		{"500", l.service.refuse(500)},
		{"503 with Retry-After: 0", l.service.refuse(503, "Retry-After", "0")},
		{"429", l.service.refuse(429, "Retry-After", "0")},
		{"408", l.service.refuse(408)},
		{"a closed connection", func(http.ResponseWriter, *http.Request, http.Handler) { panic(http.ErrAbortHandler) }},
	}
	var bad []error
	for _, mode := range []provider.Mode{provider.ModeCall, provider.ModeStream} {
		s, err := l.anySample(mode)
		if err != nil {
			continue // the provider does not offer this mode
		}
		b, err := l.open(ctx)
		if err != nil {
			return err
		}
		for _, w := range ways {
			l.service.script(w.answer)
			if b.raw(ctx, mode, b.request(s, "hello")) == nil {
				bad = append(bad, fmt.Errorf("%s, mode %s: answered with success", w.name, mode))
			}
			if n := len(l.service.requests()); n != 1 {
				bad = append(bad, fmt.Errorf("%s, mode %s: the service received %d requests for one call", w.name, mode, n))
			}
		}
	}
	return errors.Join(bad...)
}

// faultCases are the failures that the author's settings cause.
func faultCases(faults []Fault) []testCase {
	var all []testCase
	for _, f := range faults {
		all = append(all, testCase{
			name: "faults/" + f.Name, advice: classifyAdvice,
			why: "the host decides by the code: what is retried, what counts against the service, what the caller is told",
			run: func(ctx context.Context, l *lab) error { return causedFault(ctx, l, f) },
		})
	}
	return all
}

func causedFault(ctx context.Context, l *lab, f Fault) error {
	mode := provider.ModeCall
	if f.Stream {
		mode = provider.ModeStream
	}
	s, err := l.anySample(mode)
	if err != nil {
		return err
	}
	b, err := l.open(ctx, f.Settings)
	if err != nil {
		return err
	}
	u := unkind{codes: []provider.Code{f.Want.Code}, status: f.Want.StatusCode, retryAfter: f.Want.RetryAfter}
	if !f.Stream {
		return u.check(b.raw(ctx, mode, b.request(s, "hello")))
	}
	stream, err := b.rawStream(ctx, b.request(s, "one two three four five"))
	if err != nil {
		return err
	}
	t, err := collect(stream)
	if t.count("data") == 0 {
		return fmt.Errorf("the stream failed before its first chunk: %w", err)
	}
	return u.check(err)
}
