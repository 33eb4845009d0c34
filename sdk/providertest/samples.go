package providertest

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// builtinSamples are requests for the well-known operations that a healthy
// service answers.
var builtinSamples = []Sample{
	{Operation: provider.OpChat, Mode: provider.ModeCall,
		Body: `{"model":"{{model}}","messages":[{"role":"user","content":"{{prompt}}"}]}`},
	{Operation: provider.OpChat, Mode: provider.ModeStream,
		Body: `{"model":"{{model}}","messages":[{"role":"user","content":"{{prompt}}"}],"stream":true}`},
	{Operation: provider.OpCompletions, Mode: provider.ModeCall,
		Body: `{"model":"{{model}}","prompt":"{{prompt}}"}`},
	{Operation: provider.OpCompletions, Mode: provider.ModeStream,
		Body: `{"model":"{{model}}","prompt":"{{prompt}}","stream":true}`},
	{Operation: provider.OpEmbeddings, Mode: provider.ModeCall,
		Body: `{"model":"{{model}}","input":"{{prompt}}"}`},
	{Operation: provider.OpResponses, Mode: provider.ModeCall,
		Body: `{"model":"{{model}}","input":"{{prompt}}"}`},
	{Operation: provider.OpResponses, Mode: provider.ModeStream,
		Body: `{"model":"{{model}}","input":"{{prompt}}","stream":true}`},
	{Operation: provider.OpRerank, Mode: provider.ModeCall,
		Body: `{"model":"{{model}}","query":"{{prompt}}","documents":["one","two"]}`},
	{Operation: provider.OpModerations, Mode: provider.ModeCall, Body: `{"input":"{{prompt}}"}`},
	{Operation: provider.OpModels, Mode: provider.ModeCall, Body: `{}`},
}

// sampleOf finds the sample for an operation and mode: the author's, else the
// kit's, else an empty object of which no success is expected.
func (l *lab) sampleOf(operation string, mode provider.Mode) (s Sample, success bool) {
	fits := func(s Sample) bool { return s.Operation == operation && s.Mode == mode }
	if i := slices.IndexFunc(l.Samples, fits); i >= 0 {
		return l.Samples[i], true
	}
	if i := slices.IndexFunc(builtinSamples, fits); i >= 0 {
		s = builtinSamples[i]
		s.builtin = true
		return s, l.service != nil || slices.ContainsFunc(l.proven, fits)
	}
	return Sample{Operation: operation, Mode: mode, Body: `{}`, builtin: true}, false
}

// probe finds out which of the kit's own samples a provider answers whose
// service the kit cannot stand in for. Such a provider is called for real.
func (l *lab) probe(ctx context.Context) {
	if l.service != nil {
		return
	}
	defer l.tidy(ctx)
	b, err := l.open(ctx)
	if err != nil {
		return // a case of its own looks at opening
	}
	for _, s := range builtinSamples {
		op, declared := l.manifest.Operation(s.Operation)
		if declared && op.Has(s.Mode) && b.attempt(ctx, s) == nil {
			l.proven = append(l.proven, s)
		}
	}
}

// anySample chooses the sample with which to look at a mode: the first declared
// operation that has one. Operations that cost nothing to repeat come first.
func (l *lab) anySample(mode provider.Mode) (Sample, error) {
	var found *Sample
	for _, op := range l.manifest.Operations {
		if !op.Has(mode) {
			continue
		}
		s, success := l.sampleOf(op.Name, mode)
		if !success {
			continue
		}
		if op.Name == provider.OpChat {
			return s, nil
		}
		if found == nil || found.Operation == provider.OpModels {
			found = &s
		}
	}
	if found == nil {
		return Sample{}, skipf("no request of mode %q is known to succeed; give one in Samples", mode)
	}
	return *found, nil
}

// anyRequest is anySample for streams and, where there are none, for calls.
func (l *lab) anyRequest() (Sample, error) {
	if s, err := l.anySample(provider.ModeStream); err == nil {
		return s, nil
	}
	return l.anySample(provider.ModeCall)
}

// withField adds a field to the sample's body.
func (s Sample) withField(name, value string) (Sample, error) {
	body, err := overlay(json.RawMessage(s.Body), json.RawMessage(`{"`+name+`":`+value+`}`))
	s.Body = string(body)
	return s, err
}
