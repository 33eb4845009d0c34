package providertest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// operationCases compare what is declared with what is there.
var operationCases = []testCase{
	{
		name:   "operations/declared",
		why:    "the host offers what the manifest declares; callers would meet the gap",
		advice: "implement the operation in that mode, or do not declare it",
		run:    declaredOperations,
	},
	{
		name:   "operations/undeclared",
		why:    "callers can tell \"not offered\" from \"failed\" only by the code unsupported",
		advice: "answer operations and modes that are not declared with the code \"unsupported\"; the Go SDK does so",
		run:    undeclaredOperations,
	},
	{
		name:   "health/answers",
		why:    "the host restarts a plugin that does not answer",
		advice: "answer Health at once, without contacting the service",
		run:    healthAnswers,
	},
	{
		name:   "test/answers",
		why:    "operators test an endpoint before they trust it",
		advice: "ask the service for something cheap, such as its models, in TestEndpoint",
		run:    testEndpoint,
	},
}

func declaredOperations(ctx context.Context, l *lab) error {
	b, err := l.open(ctx)
	if err != nil {
		return err
	}
	var bad []error
	for _, op := range l.manifest.Operations {
		for _, mode := range op.Modes {
			s, success := l.sampleOf(op.Name, mode)
			err := b.attempt(ctx, s)
			if err == nil || (!success && tolerable(err)) {
				continue
			}
			bad = append(bad, fmt.Errorf("%s, mode %s: %w", op.Name, mode, err))
		}
	}
	return errors.Join(bad...)
}

// tolerable reports whether a request of which no success is expected failed in
// a way that shows the operation to be there.
func tolerable(err error) bool {
	switch provider.AsError(err).Code {
	case provider.CodeUnsupported, provider.CodeInternal, provider.CodePluginUnavailable:
		return false
	default:
		return true
	}
}

func undeclaredOperations(ctx context.Context, l *lab) error {
	b, err := l.open(ctx)
	if err != nil {
		return err
	}
	operations := append([]provider.Operation{{Name: "kit.no_such_operation"}}, l.manifest.Operations...)
	var bad []error
	for _, op := range operations {
		for _, mode := range []provider.Mode{provider.ModeCall, provider.ModeStream, provider.ModeTransfer} {
			if op.Has(mode) {
				continue
			}
			err := b.attempt(ctx, Sample{Operation: op.Name, Mode: mode, Body: `{}`})
			if err == nil {
				bad = append(bad, fmt.Errorf("%s was answered in the undeclared mode %s", op.Name, mode))
			} else if code := provider.AsError(err).Code; code != provider.CodeUnsupported {
				bad = append(bad, fmt.Errorf("%s in the undeclared mode %s failed with the code %q", op.Name, mode, code))
			}
		}
	}
	return errors.Join(bad...)
}

func healthAnswers(ctx context.Context, l *lab) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	h, err := l.conn.Health(ctx)
	if err != nil {
		return fmt.Errorf("Health failed: %w", err)
	}
	if !h.Ready {
		return fmt.Errorf("Health says that the plugin is not ready: %q", h.Message)
	}
	return nil
}

func testEndpoint(ctx context.Context, l *lab) error {
	b, err := l.open(ctx)
	if err != nil {
		return err
	}
	if l.service != nil {
		l.service.script(nil)
	}
	req := b.request(Sample{}, "")
	err = l.conn.TestEndpoint(ctx, req)
	switch {
	case l.service == nil && (err == nil || tolerable(err)):
		return nil
	case err != nil:
		return fmt.Errorf("TestEndpoint failed although the service is well: %w", err)
	case len(l.service.requests()) == 0:
		return skipf("the provider has no way to test an endpoint: neither TestEndpoint nor models asks the service")
	}
	l.service.script(l.service.refuse(401))
	if l.conn.TestEndpoint(ctx, req) == nil {
		return errors.New("TestEndpoint reported success although the service refuses the key with 401")
	}
	return nil
}

// attempt makes the sample's request in its mode and reports how it ended. An
// answer without one of the texts that it should have is an error.
func (b *bench) attempt(ctx context.Context, s Sample) error {
	const prompt = "hello from the kit"
	req := b.request(s, prompt)
	var answer []byte
	switch s.Mode {
	case provider.ModeStream:
		stream, err := b.rawStream(ctx, req)
		if err != nil {
			return err
		}
		seen, err := collect(stream)
		if err != nil {
			return err
		}
		answer = bytes.Join(seen.chunks, []byte("\n"))
	case provider.ModeTransfer:
		data, err := b.transfer(ctx, req, s)
		if err != nil {
			return err
		}
		answer = data
	default:
		resp, err := b.answer(ctx, req)
		if err != nil {
			return err
		}
		answer = resp.Body
	}
	for _, want := range s.fill(prompt, b.model()).Want {
		if !contains(answer, want) {
			return fmt.Errorf("the answer has no %q in it: %s", want, clip(answer))
		}
	}
	return nil
}

func (b *bench) transfer(ctx context.Context, req *provider.Request, s Sample) ([]byte, error) {
	t := &provider.TransferRequest{Request: *req}
	if s.Data != nil {
		t.Data, t.DataType, t.DataLength = bytes.NewReader(s.Data), s.DataType, int64(len(s.Data))
	}
	resp, err := b.subject.conn.Transfer(ctx, t)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }() // read to the end below
	return io.ReadAll(resp.Body)
}

func contains(data []byte, text string) bool { return bytes.Contains(data, []byte(text)) }

// clip shortens an answer for a message.
func clip(data []byte) string {
	const longest = 300
	if len(data) <= longest {
		return string(data)
	}
	return string(data[:longest]) + "..."
}
