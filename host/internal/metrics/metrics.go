// Package metrics counts what the host does, for GET /metrics.
//
// Requests are recorded as histograms under the names of OpenTelemetry's GenAI
// conventions, seen from the server; what those have no name for is under
// backplane.*, with counters and gauges that are read from the host's own
// snapshots when somebody asks, and cost nothing before.
//
// The histograms are our own, and OpenTelemetry collects them as a producer's:
// recording a request must not cost more than counting it.
//
// Labels are bounded: an endpoint's id stands where the conventions have the
// model's name, because callers choose model names and could fill the memory of
// host and Prometheus with them.
//
// All names are listed in [Instruments].
package metrics

import (
	"context"
	"fmt"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/otlptranslator"
	otelprom "go.opentelemetry.io/otel/exporters/prometheus"
	sdk "go.opentelemetry.io/otel/sdk/metric"

	"github.com/backplane-dev/backplane/host/internal/admission"
	"github.com/backplane-dev/backplane/host/status"
)

// Source is where counters and gauges are read from when metrics are asked for.
// All functions are safe for concurrent use; nil ones are left out.
type Source struct {
	Stats     func() []status.Stats
	Explain   func() []status.Explanation
	Providers func() []status.Provider
	Bodies    func() admission.Status
}

// Metrics records requests and answers GET /metrics. It is safe for concurrent
// use, and implements the endpoints' observer.
type Metrics struct {
	recorder
	provider *sdk.MeterProvider
	handler  http.Handler
}

// scope is the name under which the host's instruments go.
const scope = "github.com/backplane-dev/backplane/host"

// New makes the instruments and a registry of their own; two hosts in one
// process do not disturb each other.
func New(source Source) (*Metrics, error) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m := new(Metrics)
	m.recorder.init(scope)
	exporter, err := otelprom.New(
		otelprom.WithProducer(&m.recorder),
		otelprom.WithRegisterer(registry),
		otelprom.WithTranslationStrategy(otlptranslator.UnderscoreEscapingWithSuffixes),
		otelprom.WithoutScopeInfo(),
		otelprom.WithoutTargetInfo(),
	)
	if err != nil {
		return nil, fmt.Errorf("make the Prometheus exporter: %w", err)
	}
	m.provider = sdk.NewMeterProvider(sdk.WithReader(exporter))
	m.handler = promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
	if err := observe(m.provider.Meter(scope), source); err != nil {
		return nil, err
	}
	return m, nil
}

// Handler answers GET /metrics in Prometheus' format.
func (m *Metrics) Handler() http.Handler { return m.handler }

// Shutdown frees the instruments. It may be called more than once; requests
// that are recorded afterwards are not shown.
func (m *Metrics) Shutdown() error {
	m.closed.Do(func() { m.closeErr = m.provider.Shutdown(context.Background()) })
	return m.closeErr
}
