package metrics

import (
	"context"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/backplane-dev/backplane/host/internal/endpoint"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// The layouts of the histograms, with the boundaries that the GenAI conventions
// advise where they have the metric.
var (
	durationLayout = seconds(requestDuration, []float64{.01, .02, .04, .08, .16, .32, .64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92})
	attemptLayout  = seconds(attemptDuration, []float64{.01, .02, .04, .08, .16, .32, .64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92})
	firstLayout    = seconds(timeToFirstToken, []float64{.001, .005, .01, .02, .04, .06, .08, .1, .25, .5, .75, 1, 2.5, 5, 7.5, 10})
	waitLayout     = seconds(queueWait, []float64{.001, .005, .01, .05, .1, .5, 1, 2.5, 5, 10, 30, 60})
	tokenLayout    = newLayout(tokenUsage, 1, []float64{1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864})
	layouts        = []*layout{durationLayout, attemptLayout, firstLayout, waitLayout, tokenLayout}
)

// recorder takes what is recorded once a request. It implements
// [metric.Producer], by which the exporter collects its histograms.
type recorder struct {
	scope string
	since time.Time

	// known holds the series of each kind of request. The map is replaced when a
	// new kind comes, so that requests find theirs without a lock and without
	// building a set of attributes.
	known  atomic.Pointer[map[kind]*series]
	adding sync.Mutex

	closed   sync.Once
	closeErr error
}

// kind tells requests apart that are counted apart.
type kind struct {
	endpoint, provider, operation string
	code                          provider.Code
}

// series are the histograms of one kind of request.
type series struct {
	request, input, output              attribute.Set // labels
	duration, attempt, firstToken, wait histogram
	inputTokens, outputTokens           histogram
}

func (r *recorder) init(scope string) {
	r.scope, r.since = scope, time.Now()
	r.known.Store(&map[kind]*series{})
}

// RequestDone implements the endpoints' observer. It allocates nothing for a
// kind of request that was seen before.
func (r *recorder) RequestDone(o endpoint.Outcome) {
	k := kind{o.Endpoint, o.Provider, operationLabel(o), o.Code}
	s := r.series(k)
	s.duration.observe(int64(o.Total))
	if o.Attempts > 0 || o.QueueWait > 0 {
		s.wait.observe(int64(o.QueueWait))
	}
	if o.FirstToken > 0 && o.Code == "" {
		s.firstToken.observe(int64(o.FirstToken))
	}
	if o.Usage.Input > 0 {
		s.inputTokens.observe(o.Usage.Input)
	}
	if o.Usage.Output > 0 {
		s.outputTokens.observe(o.Usage.Output)
	}
	r.attempts(k, s, &o)
}

// attempts records each attempt under its own outcome. An only attempt that was
// not told ended like its request.
func (r *recorder) attempts(k kind, s *series, o *endpoint.Outcome) {
	if len(o.Tries) == 0 {
		if o.Attempts == 1 {
			s.attempt.observe(int64(o.ProviderTime))
		}
		return
	}
	for i := range o.Tries {
		try := &o.Tries[i]
		if try.Number == 0 {
			continue // a refusal
		}
		if try.Code != k.code {
			k.code = try.Code
			s = r.series(k)
		}
		s.attempt.observe(int64(try.Duration))
	}
}

// series finds or makes the series of a kind.
func (r *recorder) series(k kind) *series {
	if s, ok := (*r.known.Load())[k]; ok {
		return s
	}
	r.adding.Lock()
	defer r.adding.Unlock()
	before := *r.known.Load()
	if s, ok := before[k]; ok {
		return s
	}
	s := newSeries(k)
	after := make(map[kind]*series, len(before)+1)
	maps.Copy(after, before)
	after[k] = s
	r.known.Store(&after)
	return s
}

func newSeries(k kind) *series {
	common := []attribute.KeyValue{
		attribute.String("gen_ai.operation.name", k.operation),
		attribute.String("gen_ai.provider.name", ProviderName(k.provider)),
		attribute.String("backplane.endpoint", k.endpoint),
	}
	if k.code != "" {
		common = append(common, attribute.String("error.type", string(k.code)))
	}
	with := func(more ...attribute.KeyValue) attribute.Set {
		return attribute.NewSet(append(common[:len(common):len(common)], more...)...)
	}
	return &series{
		request:  with(),
		input:    with(attribute.String("gen_ai.token.type", "input")),
		output:   with(attribute.String("gen_ai.token.type", "output")),
		duration: durationLayout.histogram(), attempt: attemptLayout.histogram(),
		firstToken: firstLayout.histogram(), wait: waitLayout.histogram(),
		inputTokens: tokenLayout.histogram(), outputTokens: tokenLayout.histogram(),
	}
}

// Produce implements [metric.Producer].
func (r *recorder) Produce(context.Context) ([]metricdata.ScopeMetrics, error) {
	c := collection{since: r.since, now: time.Now(), points: make(map[*layout][]metricdata.HistogramDataPoint[float64])}
	for _, s := range *r.known.Load() {
		for _, h := range []*histogram{&s.duration, &s.attempt, &s.firstToken, &s.wait} {
			c.add(h, s.request)
		}
		c.add(&s.inputTokens, s.input)
		c.add(&s.outputTokens, s.output)
	}
	return []metricdata.ScopeMetrics{{Scope: instrumentation.Scope{Name: r.scope}, Metrics: c.metrics(layouts)}}, nil
}

// operationLabel is the conventions' word for the operation, or our own where
// they have none. A request for something that the endpoint does not offer can
// carry any word; those are counted together.
func operationLabel(o endpoint.Outcome) string {
	switch {
	case o.Code == provider.CodeUnsupported:
		return "unsupported"
	case o.Operation == provider.OpCompletions:
		return "text_completion"
	case o.Operation == provider.OpResponses:
		return "chat"
	default:
		return o.Operation
	}
}

// ProviderName is the conventions' name of a provider, or its own name where
// they have none.
func ProviderName(name string) string {
	switch name {
	case "claude":
		return "anthropic"
	case "gemini":
		return "gcp.gemini"
	case "openai-mini":
		return "openai"
	default:
		return name
	}
}
