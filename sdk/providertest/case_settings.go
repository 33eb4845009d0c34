package providertest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/schema"
)

// settingsCases look at opening, replacing and closing endpoints.
var settingsCases = []testCase{
	{
		name: settingsCase,
		why:  "an endpoint with settings that fit the schema must open",
		advice: "give the settings that the schema requires (Settings of the harness, -settings on the command line), " +
			"and accept in Open all that the schema accepts",
		run: func(ctx context.Context, l *lab) error {
			_, err := l.open(ctx)
			return err
		},
	},
	{
		name:   "open/unknown-setting",
		why:    "a mistyped setting that is ignored has no effect, and nobody learns of it",
		advice: "refuse settings that the schema does not declare with a diagnostic whose path is the setting's name; the Go SDK does so",
		run:    unknownSetting,
	},
	{
		name:   "open/needs-no-network",
		why:    "the host opens all endpoints at its start and after every restart, also while the service is down",
		advice: "connect in the first call, not in Open; whether the service answers is asked by TestEndpoint",
		run:    openOffline,
	},
	{
		name:   "open/replace",
		why:    "a changed endpoint is opened again under its id: new calls must use the new settings, running ones the old",
		advice: "keep nothing of an endpoint outside of what Open returned, and let calls hold on to the endpoint with which they began",
		run:    replaceEndpoint,
	},
	{
		name:   "open/close",
		why:    "a closed endpoint's key must not be used any more",
		advice: "forget the endpoint in CloseEndpoint and answer later calls of it with a typed error; an unknown id is no error",
		run:    closeEndpoint,
	},
}

func unknownSetting(ctx context.Context, l *lab) error {
	const name = "kit_no_such_setting"
	good, err := l.settings()
	if err != nil {
		return err
	}
	bad, err := overlay(good.JSON(), object(name, true))
	if err != nil {
		return err
	}
	diags, err := l.conn.OpenEndpoint(ctx, provider.EndpointConfig{
		ID: "kit-unknown-setting", Revision: 1, Credential: l.credential(), Settings: provider.NewSettings(bad),
	})
	if err != nil {
		return fmt.Errorf("OpenEndpoint with the setting %q failed instead of answering with a diagnostic: %w", name, err)
	}
	for _, d := range diags {
		if !d.Warning && d.Path == name {
			return nil
		}
	}
	if schema.HasErrors(diags) {
		return fmt.Errorf("no diagnostic has the path %q; got: %s", name, schema.Join(diags))
	}
	return fmt.Errorf("the setting %q, which the schema does not declare, was accepted", name)
}

// openOffline opens an endpoint of a service that counts connections and, since
// that cannot be seen of other ways to reach out, does not answer.
func openOffline(ctx context.Context, l *lab) error {
	if err := l.needService(); err != nil {
		return err
	}
	l.service.script(hang)
	begin := time.Now()
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if _, err := l.open(ctx); err != nil {
		return fmt.Errorf("with a service that does not answer: %w", err)
	}
	if n := l.service.connections(); n > 0 {
		return fmt.Errorf("OpenEndpoint made %d connections to the service", n)
	}
	if took := time.Since(begin); took > time.Second {
		return fmt.Errorf("OpenEndpoint took %v", took.Round(time.Millisecond))
	}
	return nil
}

func replaceEndpoint(ctx context.Context, l *lab) error {
	if err := l.needService(); err != nil {
		return err
	}
	b, err := l.open(ctx)
	if err != nil {
		return err
	}
	release := make(chan struct{})
	running, err := b.inFlight(ctx, release)
	if err != nil {
		return err
	}
	const newKey = "sk-kit-replaced-key"
	credential := provider.NewSecret(newKey)
	if l.settingsKey() != "" {
		credential = l.Credential
	}
	err = b.reopen(ctx, credential)
	close(release)
	if err != nil {
		return err
	}
	if err := <-running; err != nil {
		return fmt.Errorf("a request that ran while its endpoint was replaced failed: %w", err)
	}
	l.service.script(nil)
	s, err := l.anyRequest()
	if err != nil {
		return err
	}
	if err := b.attempt(ctx, s); err != nil {
		return fmt.Errorf("after the endpoint was replaced: %w", err)
	}
	got, err := l.service.first(ctx)
	if err != nil {
		return err
	}
	if l.settingsKey() == "" && !got.mentions(newKey) {
		return errors.New("a request after the endpoint was replaced did not use the new credential")
	}
	return nil
}

// inFlight starts a request that the service answers when release is closed, and
// waits until it has arrived there. Its end is sent on the channel.
func (b *bench) inFlight(ctx context.Context, release <-chan struct{}) (<-chan error, error) {
	s, err := b.anyRequest()
	if err != nil {
		return nil, err
	}
	if s.Mode == provider.ModeStream {
		b.service.script(holdStream(release))
	} else {
		b.service.script(holdAnswer(release))
	}
	done := make(chan error, 1)
	go func() { done <- b.attempt(ctx, s) }()
	if _, err := b.service.first(ctx); err != nil {
		return nil, err
	}
	return done, nil
}

func closeEndpoint(ctx context.Context, l *lab) error {
	b, err := l.open(ctx)
	if err != nil {
		return err
	}
	for _, id := range []string{b.id, b.id, "kit-never-opened"} {
		if err := l.conn.CloseEndpoint(ctx, id); err != nil {
			return fmt.Errorf("CloseEndpoint(%q) failed: %w", id, err)
		}
	}
	op := l.manifest.Operations[0]
	s, _ := l.sampleOf(op.Name, op.Modes[0])
	err = b.attempt(ctx, s)
	if err == nil {
		return fmt.Errorf("%s on a closed endpoint was answered", op.Name)
	}
	if code := provider.AsError(err).Code; code == provider.CodeInternal {
		return fmt.Errorf("%s on a closed endpoint failed, but not with a typed refusal such as \"not_found\": %w", op.Name, err)
	}
	return nil
}

// mentions reports whether a request carries a text in its headers, path or body.
func (r *received) mentions(what string) bool {
	headers, err := json.Marshal(r.header)
	return err == nil && (contains(headers, what) || contains(r.body, what) || contains([]byte(r.path), what))
}
