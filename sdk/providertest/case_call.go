package providertest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// callCases look at whole answers.
var callCases = []testCase{
	{
		name:   "call/round-trip",
		why:    "an answer must be the operation's canonical JSON",
		advice: "answer with the JSON shape of the operation (OpenAI's; for rerank Cohere's) and pass its contents on unchanged",
		run:    callRoundTrip,
	},
	{
		name:   "call/usage",
		why:    "tokens are counted from what the provider reports beside the answer",
		advice: "report the service's token counts in Meta.Usage, or in the typed answer's Usage",
		run:    callUsage,
	},
	{
		name:   "call/model",
		why:    "callers use aliases: the model in the body is theirs, the one in the envelope is the host's decision",
		advice: "ask the service for Request.Model if it is set, whatever the body says",
		run:    callModel,
	},
	{
		name:   "call/unknown-fields-sent",
		why:    "a parameter that the service adds tomorrow must work through the plugin of today",
		advice: "pass the body's unknown fields on untouched: raw bodies as they are, typed ones by their Extra; do not decode numbers into float64",
		run: func(ctx context.Context, l *lab) error {
			return unknownFieldSent(ctx, l, provider.ModeCall)
		},
	},
	{
		name:   "call/unknown-fields-answered",
		why:    "a field that the service adds to its answer must reach the caller",
		advice: "pass the answer's unknown fields on untouched: raw bodies as they are, typed ones by their Extra; do not decode numbers into float64",
		run:    unknownFieldAnswered,
	},
}

func callRoundTrip(ctx context.Context, l *lab) error {
	s, err := l.anySample(provider.ModeCall)
	if err != nil {
		return err
	}
	b, err := l.open(ctx)
	if err != nil {
		return err
	}
	const prompt = "the quick brown fox"
	resp, err := b.answer(ctx, b.request(s, prompt))
	if err != nil {
		return fmt.Errorf("%s failed: %w", s.Operation, err)
	}
	if ct := resp.ContentType; ct != "" && !strings.HasPrefix(ct, "application/json") {
		return fmt.Errorf("%s answered with the content type %q", s.Operation, ct)
	}
	var answer map[string]json.RawMessage
	if err := json.Unmarshal(resp.Body, &answer); err != nil {
		return fmt.Errorf("%s answered with what is not a JSON object: %s", s.Operation, clip(resp.Body))
	}
	if answer["error"] != nil {
		return fmt.Errorf("%s answered with a failure as if it were an answer: %s", s.Operation, clip(resp.Body))
	}
	if field := canonicalField[s.Operation]; field != "" && answer[field] == nil {
		return fmt.Errorf("%s answered without the field %q: %s", s.Operation, field, clip(resp.Body))
	}
	if l.speaksOpenAI() && s.builtin && s.Operation == provider.OpChat && !contains(resp.Body, prompt) {
		return fmt.Errorf("%s lost the service's text: %s", s.Operation, clip(resp.Body))
	}
	return nil
}

// canonicalField is a field that the answer of a well-known operation must have.
var canonicalField = map[string]string{
	provider.OpChat:        "choices",
	provider.OpCompletions: "choices",
	provider.OpEmbeddings:  "data",
	provider.OpModels:      "data",
	provider.OpRerank:      "results",
}

// speaksOpenAI reports whether the service is the kit's own.
func (l *lab) speaksOpenAI() bool { return l.service != nil && l.Service == nil }

func callUsage(ctx context.Context, l *lab) error {
	if l.knownUsage() == (provider.Usage{}) {
		return skipf("the service is not known to report tokens")
	}
	s, err := l.anySample(provider.ModeCall)
	if err != nil {
		return err
	}
	if s.Operation != provider.OpChat {
		return skipf("the provider does not offer chat")
	}
	b, err := l.open(ctx)
	if err != nil {
		return err
	}
	resp, err := b.call(ctx, s)
	if err != nil {
		return err
	}
	return l.sameUsage("answer", resp.Usage)
}

// knownUsage are the tokens that the service is known to report, if any.
func (l *lab) knownUsage() provider.Usage {
	if l.service == nil {
		return provider.Usage{}
	}
	return l.service.Usage
}

func (l *lab) sameUsage(where string, got *provider.Usage) error {
	want := l.knownUsage()
	if got == nil || got.Input != want.Input || got.Output != want.Output || got.Total != want.Total {
		return fmt.Errorf("the service reports %d, %d and %d tokens if it is asked to, the provider's %s has %+v",
			want.Input, want.Output, want.Total, where, got)
	}
	return nil
}

func callModel(ctx context.Context, l *lab) error {
	if err := l.needService(); err != nil {
		return err
	}
	s, err := l.anySample(provider.ModeCall)
	if err != nil {
		return err
	}
	if !strings.Contains(s.Body, "{{model}}") {
		return skipf("the sample of %s names no model", s.Operation)
	}
	const alias, model = "kit-alias", "kit-model-of-the-envelope"
	b, err := l.open(ctx)
	if err != nil {
		return err
	}
	req := b.request(s, "hello")
	req.Body = []byte(s.fill("hello", alias).Body)
	req.Model = model
	l.service.script(nil)
	if _, err := b.answer(ctx, req); err != nil {
		return err
	}
	got, err := l.service.first(ctx)
	if err != nil {
		return err
	}
	if !got.mentions(model) || got.mentions(alias) {
		return fmt.Errorf("the body names the model %q, the envelope %q; the service was sent: %s %s", alias, model, got.path, clip(got.body))
	}
	return nil
}

// needDialect skips a case that looks for a field of the canonical bodies at the
// service's side.
func (l *lab) needDialect() error {
	if err := l.needService(); err != nil {
		return err
	}
	if l.service.Translated {
		return skipf("the service's bodies have another shape than the canonical ones")
	}
	return nil
}

func unknownFieldSent(ctx context.Context, l *lab, mode provider.Mode) error {
	if err := l.needDialect(); err != nil {
		return err
	}
	s, err := l.anySample(mode)
	if err != nil {
		return err
	}
	if s, err = s.withField(unknownField, unknownValue); err != nil {
		return err
	}
	b, err := l.open(ctx)
	if err != nil {
		return err
	}
	l.service.script(nil)
	if err := b.attempt(ctx, s); err != nil {
		return err
	}
	got, err := l.service.first(ctx)
	if err != nil {
		return err
	}
	return keptField("the body sent to the service", got.body)
}

func unknownFieldAnswered(ctx context.Context, l *lab) error {
	if err := l.needDialect(); err != nil {
		return err
	}
	if !l.speaksOpenAI() {
		return skipf("only the kit's own service adds a field to its answers")
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
	return keptField("the answer", resp.Body)
}

// keptField reports whether a JSON object has the kit's unknown field with
// exactly its value.
func keptField(where string, body []byte) error {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(body, &fields); err != nil {
		return fmt.Errorf("%s is not a JSON object: %q", where, clip(body))
	}
	got, ok := fields[unknownField]
	if !ok {
		return fmt.Errorf("%s lost the unknown field %q: %s", where, unknownField, clip(body))
	}
	if same, err := sameJSON(got, []byte(unknownValue)); err != nil || !same {
		return fmt.Errorf("%s changed the unknown field from %s to %s", where, unknownValue, clip(got))
	}
	return nil
}

// sameJSON compares two values with their numbers as they are written.
func sameJSON(a, b []byte) (bool, error) {
	var values [2]any
	for i, data := range [][]byte{a, b} {
		dec := json.NewDecoder(bytes.NewReader(data))
		dec.UseNumber()
		if err := dec.Decode(&values[i]); err != nil {
			return false, errors.Join(errors.New("not JSON"), err)
		}
	}
	return reflect.DeepEqual(values[0], values[1]), nil
}
