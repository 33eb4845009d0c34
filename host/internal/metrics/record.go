package metrics

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/backplane-dev/backplane/host/internal/endpoint"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// Boundaries of the histograms, as the GenAI conventions advise.
var (
	durationBounds   = []float64{.01, .02, .04, .08, .16, .32, .64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92}
	firstTokenBounds = []float64{.001, .005, .01, .02, .04, .06, .08, .1, .25, .5, .75, 1, 2.5, 5, 7.5, 10}
	queueWaitBounds  = []float64{.001, .005, .01, .05, .1, .5, 1, 2.5, 5, 10, 30, 60}
	tokenBounds      = []float64{1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864}
)

// recorder takes what is recorded once a request.
type recorder struct {
	duration, firstToken, queueWait metric.Float64Histogram
	tokens                          metric.Int64Histogram

	// known holds the labels of each kind of request. The map is replaced when
	// a new kind comes, so that requests find theirs without a lock and without
	// building a set of attributes.
	known  atomic.Pointer[map[kind]*labels]
	adding sync.Mutex

	closed   sync.Once
	closeErr error
}

// kind tells requests apart that are counted apart.
type kind struct {
	endpoint, provider, operation string
	code                          provider.Code
}

// labels are a kind's attributes in the form in which instruments take them.
type labels struct {
	request, input, output []metric.RecordOption
}

func (r *recorder) init(meter metric.Meter) error {
	r.known.Store(&map[kind]*labels{})
	var err error
	histogram := func(in Instrument, bounds []float64) metric.Float64Histogram {
		var h metric.Float64Histogram
		if err == nil {
			h, err = meter.Float64Histogram(in.Name, metric.WithUnit(in.Unit), metric.WithDescription(in.Description),
				metric.WithExplicitBucketBoundaries(bounds...))
		}
		return h
	}
	r.duration = histogram(requestDuration, durationBounds)
	r.firstToken = histogram(timeToFirstToken, firstTokenBounds)
	r.queueWait = histogram(queueWait, queueWaitBounds)
	if err == nil {
		r.tokens, err = meter.Int64Histogram(tokenUsage.Name, metric.WithUnit(tokenUsage.Unit),
			metric.WithDescription(tokenUsage.Description), metric.WithExplicitBucketBoundaries(tokenBounds...))
	}
	if err != nil {
		return fmt.Errorf("make the histograms: %w", err)
	}
	return nil
}

// RequestDone implements the endpoints' observer. It allocates nothing for a
// kind of request that was seen before.
func (r *recorder) RequestDone(o endpoint.Outcome) {
	ctx := context.Background()
	l := r.labels(kind{o.Endpoint, o.Provider, operationLabel(o), o.Code})
	r.duration.Record(ctx, o.Total.Seconds(), l.request...)
	if o.Attempts > 0 || o.QueueWait > 0 {
		r.queueWait.Record(ctx, o.QueueWait.Seconds(), l.request...)
	}
	if o.FirstToken > 0 && o.Code == "" {
		r.firstToken.Record(ctx, o.FirstToken.Seconds(), l.request...)
	}
	if o.Usage.Input > 0 {
		r.tokens.Record(ctx, o.Usage.Input, l.input...)
	}
	if o.Usage.Output > 0 {
		r.tokens.Record(ctx, o.Usage.Output, l.output...)
	}
}

// labels finds or makes the labels of a kind.
func (r *recorder) labels(k kind) *labels {
	if l, ok := (*r.known.Load())[k]; ok {
		return l
	}
	r.adding.Lock()
	defer r.adding.Unlock()
	before := *r.known.Load()
	if l, ok := before[k]; ok {
		return l
	}
	l := newLabels(k)
	after := make(map[kind]*labels, len(before)+1)
	maps.Copy(after, before)
	after[k] = l
	r.known.Store(&after)
	return l
}

func newLabels(k kind) *labels {
	common := []attribute.KeyValue{
		attribute.String("gen_ai.operation.name", k.operation),
		attribute.String("gen_ai.provider.name", ProviderName(k.provider)),
		attribute.String("backplane.endpoint", k.endpoint),
	}
	if k.code != "" {
		common = append(common, attribute.String("error.type", string(k.code)))
	}
	with := func(more ...attribute.KeyValue) []metric.RecordOption {
		set := attribute.NewSet(append(common[:len(common):len(common)], more...)...)
		return []metric.RecordOption{metric.WithAttributeSet(set)}
	}
	return &labels{
		request: with(),
		input:   with(attribute.String("gen_ai.token.type", "input")),
		output:  with(attribute.String("gen_ai.token.type", "output")),
	}
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
