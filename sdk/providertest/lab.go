package providertest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	pb "github.com/backplane-dev/backplane/sdk/internal/providerpb"
	"github.com/backplane-dev/backplane/sdk/internal/wire"
	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/schema"
)

// madeUpKey is the credential of endpoints whose service the kit stands in for.
const madeUpKey = "sk-kit-3b1c6f0d9e27-secret"

// lab is what a case works with: a running provider, its manifest and, if the
// kit stands in for it, the service behind the provider.
type lab struct {
	Profile
	launcher
	*subject
	manifest provider.Manifest
	service  *fake // nil if there is none

	proven []Sample // the kit's own samples that a provider without service answered

	path path
	// travelled is set by calls and streams, so that the case is run over the
	// other path too.
	travelled atomic.Bool

	serial int
	opened []*bench
}

// bench is an endpoint that a case opened.
type bench struct {
	*lab
	subject  *subject // the instance that it is open in
	id       string
	revision uint64
}

// model is the name to ask for.
func (l *lab) model() string {
	switch {
	case l.Model != "":
		return l.Model
	case l.manifest.Models.Default != "":
		return l.manifest.Models.Default
	default:
		return "kit-model"
	}
}

// credential is the key of endpoints.
func (l *lab) credential() provider.Secret {
	if l.settingsKey() != "" {
		return l.Credential
	}
	if l.Credential.IsZero() && l.service != nil {
		return provider.NewSecret(madeUpKey)
	}
	return l.Credential
}

// settingsKey is the secret in the settings of services whose keys are settings.
func (l *lab) settingsKey() string {
	if l.service == nil {
		return ""
	}
	return l.service.SettingsKey
}

// secret is what must not show: the key in the settings, else the credential.
func (l *lab) secret() string {
	if key := l.settingsKey(); key != "" {
		return key
	}
	return l.credential().Reveal()
}

// needCredential skips the case where the keys are settings.
func (l *lab) needCredential() error {
	if l.settingsKey() != "" {
		return skipf("the keys of this service are settings, not the endpoint's credential")
	}
	return l.needService()
}

// settings returns an endpoint's settings with extra ones laid over them and
// the schema's defaults filled in, as the host would send them.
func (l *lab) settings(extra ...json.RawMessage) (provider.Settings, error) {
	objects := []json.RawMessage{l.Settings}
	if l.service != nil {
		objects = append(objects, l.service.settings(l.service.url))
	}
	all, err := overlay(append(objects, extra...)...)
	if err != nil {
		return provider.Settings{}, err
	}
	return checked(l.manifest.Settings, all)
}

func checked(o schema.Object, settings json.RawMessage) (provider.Settings, error) {
	filled, diags := o.Check(settings)
	if schema.HasErrors(diags) {
		return provider.Settings{}, &settingsError{"the manifest's schema refuses the settings of the run: " + schema.Join(diags)}
	}
	return provider.NewSettings(filled), nil
}

// open opens an endpoint with the settings of the run and those given.
func (l *lab) open(ctx context.Context, extra ...json.RawMessage) (*bench, error) {
	return l.openIn(ctx, l.subject, extra...)
}

func (l *lab) openIn(ctx context.Context, s *subject, extra ...json.RawMessage) (*bench, error) {
	l.serial++
	b := &bench{lab: l, subject: s, id: "kit-" + strconv.Itoa(l.serial)}
	if err := b.reopen(ctx, l.credential(), extra...); err != nil {
		return nil, err
	}
	l.opened = append(l.opened, b)
	return b, nil
}

// reopen opens the endpoint under its next revision.
func (b *bench) reopen(ctx context.Context, key provider.Secret, extra ...json.RawMessage) error {
	settings, err := b.settings(extra...)
	if err != nil {
		return err
	}
	b.revision++
	diags, err := b.subject.conn.OpenEndpoint(ctx, provider.EndpointConfig{
		ID: b.id, Revision: b.revision, Model: b.model(), Credential: key, Settings: settings,
	})
	if err != nil {
		return fmt.Errorf("OpenEndpoint failed: %w", err)
	}
	if schema.HasErrors(diags) {
		return fmt.Errorf("OpenEndpoint refused settings that fit the schema: %s", schema.Join(diags))
	}
	return nil
}

// tidy closes what the case opened.
func (l *lab) tidy(ctx context.Context) {
	for _, b := range l.opened {
		if b.subject == l.subject {
			_ = l.conn.CloseEndpoint(ctx, b.id) // a case of its own looks at closing
		}
	}
	l.opened = nil
	if l.service != nil {
		l.service.script(nil)
	}
}

// request makes a request of a sample.
func (b *bench) request(s Sample, prompt string) *provider.Request {
	s = s.fill(prompt, b.model())
	return &provider.Request{
		Endpoint: b.id, Revision: b.revision, Operation: s.Operation, Model: b.model(),
		RequestID: "kit-request-" + b.id, Attempt: 1, Timeout: 20 * time.Second, Body: []byte(s.Body),
	}
}

// call makes the sample's call.
func (b *bench) call(ctx context.Context, s Sample) (*provider.Response, error) {
	return b.answer(ctx, b.request(s, "hello from the kit"))
}

// answer makes a call as the host does.
func (b *bench) answer(ctx context.Context, req *provider.Request) (*provider.Response, error) {
	if b.path == onSession {
		return b.rawCall(ctx, req)
	}
	b.travelled.Store(true)
	return b.subject.conn.Call(ctx, req)
}

// events is a stream below the SDK's client.
type events interface {
	Recv() (*pb.StreamResponse, error)
	Context() context.Context
}

// rawStream starts a stream below the SDK's client.
func (b *bench) rawStream(ctx context.Context, req *provider.Request) (events, error) {
	b.travelled.Store(true)
	if b.path == onSession {
		s, err := b.subject.session(ctx)
		if err != nil {
			return nil, err
		}
		return s.begin(ctx, pb.Mode_MODE_STREAM, req, firstCredit)
	}
	return b.subject.raw.Stream(ctx, &pb.StreamRequest{Envelope: wire.ToEnvelope(req), Body: req.Body})
}

// raw makes a request below the SDK's client and returns its error as the host
// would see it.
func (b *bench) raw(ctx context.Context, mode provider.Mode, req *provider.Request) error {
	if mode == provider.ModeStream {
		stream, err := b.rawStream(ctx, req)
		if err != nil {
			return err
		}
		_, err = collect(stream)
		return err
	}
	_, err := b.rawCall(ctx, req)
	return err
}

func (b *bench) rawCall(ctx context.Context, req *provider.Request) (*provider.Response, error) {
	resp, err := b.rawAnswer(ctx, req)
	if err != nil {
		return nil, callError(ctx, err)
	}
	return wire.FromResponse(resp), nil
}

// rawAnswer makes a call below the SDK's client. Its error is a status, or the
// breach of a rule.
func (b *bench) rawAnswer(ctx context.Context, req *provider.Request) (*pb.CallResponse, error) {
	b.travelled.Store(true)
	if b.path == onSession {
		s, err := b.subject.session(ctx)
		if err != nil {
			return nil, err
		}
		return s.call(ctx, req)
	}
	return b.subject.raw.Call(ctx, &pb.CallRequest{Envelope: wire.ToEnvelope(req), Body: req.Body})
}

// callError is the error of a call as the host would see it. A breach of the
// session's rules stays what it is.
func callError(ctx context.Context, err error) error {
	var b *breach
	if errors.As(err, &b) {
		return err
	}
	return wire.FromCall(ctx, err)
}

// needService skips the case where the kit does not stand in for the service.
func (l *lab) needService() error {
	if l.service == nil {
		return skipf("the kit cannot stand in for this provider's service")
	}
	return nil
}
