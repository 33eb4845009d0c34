package providertest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"google.golang.org/grpc/status"

	pb "github.com/backplane-dev/backplane/sdk/internal/providerpb"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// secretCases look for the key where it must not be.
var secretCases = []testCase{
	{
		name:   "secrets/used",
		why:    "an endpoint's key is there to be used",
		advice: "send the credential of EndpointConfig to the service",
		run:    keyUsed,
	},
	{
		name:   "secrets/per-call",
		why:    "a host serves many tenants through one endpoint: the key of a request must be used for it and for nothing else",
		advice: "let Request.Credential, if it is set, replace the endpoint's for this call",
		run:    keyPerCall,
	},
	{
		name:   "secrets/errors",
		why:    "errors are logged, counted and shown to callers",
		advice: "keep the key out of error texts; services repeat it in theirs, so remove it there as well: sdk/rest does",
		run:    keyInErrors,
	},
	{
		name:   "secrets/answers",
		why:    "what is reported beside an answer is logged and passed to callers",
		advice: "keep the key out of Meta; pass on named response headers only",
		run:    keyInAnswers,
	},
}

func keyUsed(ctx context.Context, l *lab) error {
	if err := l.needCredential(); err != nil {
		return err
	}
	got, err := l.sent(ctx, func(*provider.Request) {})
	if err != nil {
		return err
	}
	if key := l.credential().Reveal(); !got.mentions(key) && !got.mentions(url.QueryEscape(key)) {
		return fmt.Errorf("the service did not receive the endpoint's key with %s", got.path)
	}
	return nil
}

func keyPerCall(ctx context.Context, l *lab) error {
	if err := l.needCredential(); err != nil {
		return err
	}
	const other = "sk-kit-key-of-the-caller"
	got, err := l.sent(ctx, func(r *provider.Request) { r.Credential = provider.NewSecret(other) })
	if err != nil {
		return err
	}
	if !got.mentions(other) {
		return errors.New("the service did not receive the key of the call")
	}
	if got.mentions(l.credential().Reveal()) {
		return errors.New("the service received the endpoint's key although the call has one of its own")
	}
	if got, err = l.sent(ctx, func(*provider.Request) {}); err == nil && got.mentions(other) {
		return errors.New("a later call without a key of its own used the key of an earlier caller")
	}
	return err
}

// sent makes a call and returns what the service received.
func (l *lab) sent(ctx context.Context, change func(*provider.Request)) (*received, error) {
	s, err := l.anySample(provider.ModeCall)
	if err != nil {
		return nil, err
	}
	b, err := l.open(ctx)
	if err != nil {
		return nil, err
	}
	l.service.script(nil)
	req := b.request(s, "hello")
	change(req)
	if _, err := b.answer(ctx, req); err != nil {
		return nil, err
	}
	return l.service.first(ctx)
}

// keyInErrors makes calls fail in ways in which the key is at hand: the service
// repeats it, the address is dead, the endpoint's settings are wrong.
func keyInErrors(ctx context.Context, l *lab) error {
	if err := l.needService(); err != nil {
		return err
	}
	key := l.secret()
	s, err := l.anySample(provider.ModeCall)
	if err != nil {
		return err
	}
	nobody, err := deadURL()
	if err != nil {
		return err
	}
	contentType, body := l.service.errorBody(401, "Incorrect API key provided: "+key)
	ways := []struct {
		name     string
		answer   behaviour
		settings json.RawMessage
	}{
		{"a service that repeats the key in its error", respond(401, contentType, body, "X-Request-Id", key), nil},
		{"a service that answers with the key as HTML", respond(502, "text/html", "<p>"+key+"</p>"), nil},
		{"a service that cannot be reached", nil, l.service.settings(nobody)},
	}
	var bad []error
	for _, w := range ways {
		b, err := l.open(ctx, w.settings)
		if err != nil {
			return err
		}
		l.service.script(w.answer)
		if leak := b.leak(ctx, b.request(s, "hello"), key); leak != "" {
			bad = append(bad, fmt.Errorf("with %s the error carries it: %s", w.name, leak))
		}
	}
	return errors.Join(bad...)
}

// leak makes a call that fails and returns the text of the status that went over
// the wire in which the key is, "" if there is none.
func (b *bench) leak(ctx context.Context, req *provider.Request, key string) string {
	_, err := b.rawAnswer(ctx, req)
	if err == nil {
		return ""
	}
	st := status.Convert(err)
	said := []string{st.Message()}
	for _, detail := range st.Details() {
		if m, ok := detail.(*pb.ProviderError); ok {
			said = append(said, m.Message, m.Type, m.UpstreamCode, m.Param, m.RequestId)
		}
	}
	for _, text := range said {
		if strings.Contains(text, key) {
			return text
		}
	}
	return ""
}

func keyInAnswers(ctx context.Context, l *lab) error {
	if err := l.needService(); err != nil {
		return err
	}
	s, err := l.anySample(provider.ModeCall)
	if err != nil {
		return err
	}
	b, err := l.open(ctx)
	if err != nil {
		return err
	}
	resp, err := b.call(ctx, s)
	if err != nil {
		return err
	}
	meta, err := json.Marshal(resp.Meta)
	if err != nil {
		return err
	}
	if key := l.secret(); contains(meta, key) || contains(resp.Body, key) {
		return fmt.Errorf("the answer or its metadata carries the key: %s", meta)
	}
	return nil
}
