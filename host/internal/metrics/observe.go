package metrics

import (
	"context"
	"fmt"
	"strconv"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/backplane-dev/backplane/host/internal/admission"
	"github.com/backplane-dev/backplane/host/status"
)

// observed are the instruments that are read from snapshots.
type observed struct {
	all      []metric.Observable
	counters map[Instrument]metric.Int64ObservableCounter
	gauges   map[Instrument]metric.Int64ObservableGauge
	levels   map[Instrument]metric.Float64ObservableGauge
}

// observe makes the counters and gauges and has them read from the source.
func observe(meter metric.Meter, source Source) error {
	o := observed{
		counters: make(map[Instrument]metric.Int64ObservableCounter),
		gauges:   make(map[Instrument]metric.Int64ObservableGauge), levels: make(map[Instrument]metric.Float64ObservableGauge),
	}
	for _, in := range []Instrument{requests, errorsByCode, attempts, retries, refusals, paced, hedges, hedgesWon, circuitTrips, pluginStarts, pluginRestart, bodiesRefused} {
		c, err := meter.Int64ObservableCounter(in.Name, metric.WithUnit(in.Unit), metric.WithDescription(in.Description))
		if err != nil {
			return fmt.Errorf("make counter %s: %w", in.Name, err)
		}
		o.counters[in], o.all = c, append(o.all, c)
	}
	for _, in := range []Instrument{queueDepth, queueSize, inFlight, limitNow, overloaded, gateShut, circuitState, pluginState, pluginCalls,
		pluginCrashes, processState, processCalls, processMemory, processFiles, processThreads, bodiesHeld, bodiesLimit, bodiesWaiting} {
		g, err := meter.Int64ObservableGauge(in.Name, metric.WithUnit(in.Unit), metric.WithDescription(in.Description))
		if err != nil {
			return fmt.Errorf("make gauge %s: %w", in.Name, err)
		}
		o.gauges[in], o.all = g, append(o.all, g)
	}
	for _, in := range []Instrument{oldest, budget, processCPU} {
		g, err := meter.Float64ObservableGauge(in.Name, metric.WithUnit(in.Unit), metric.WithDescription(in.Description))
		if err != nil {
			return fmt.Errorf("make gauge %s: %w", in.Name, err)
		}
		o.levels[in], o.all = g, append(o.all, g)
	}
	if _, err := meter.RegisterCallback(o.read(source), o.all...); err != nil {
		return fmt.Errorf("register the metrics' callback: %w", err)
	}
	return nil
}

// read returns the callback that reports what the source says.
func (o *observed) read(source Source) metric.Callback {
	return func(_ context.Context, to metric.Observer) error {
		providers := make(map[string]string) // by endpoint
		if source.Stats != nil {
			for _, s := range source.Stats() {
				providers[s.Endpoint] = s.Provider
				o.endpoint(to, &s)
			}
		}
		if source.Explain != nil {
			for _, e := range source.Explain() {
				if by, ok := providers[e.Endpoint]; ok { // else it was made meanwhile
					o.policies(to, by, &e)
				}
			}
		}
		if source.Providers != nil {
			for _, p := range source.Providers() {
				o.plugin(to, &p)
			}
		}
		if source.Bodies != nil {
			o.bodies(to, source.Bodies())
		}
		return nil
	}
}

// bodies reports the memory for request bodies.
func (o *observed) bodies(to metric.Observer, s admission.Status) {
	l := labeler{to: to}
	l.gauge(o.gauges[bodiesHeld], s.Held)
	l.gauge(o.gauges[bodiesLimit], s.Size)
	l.gauge(o.gauges[bodiesWaiting], s.Waiting)
	l.count(o.counters[bodiesRefused], s.Refused)
}

// ofEndpoint labels values of an endpoint.
func ofEndpoint(to metric.Observer, id, by string) labeler {
	return labeler{to, []attribute.KeyValue{
		attribute.String("backplane.endpoint", id),
		attribute.String("gen_ai.provider.name", ProviderName(by)),
	}}
}

// policies reports what an endpoint's policies are at.
func (o *observed) policies(to metric.Observer, by string, e *status.Explanation) {
	l := ofEndpoint(to, e.Endpoint, by)
	l.gauge(o.gauges[limitNow], int64(e.Queue.MaxConcurrent))
	l.is(o.gauges[overloaded], e.Queue.Overloaded)
	l.is(o.gauges[gateShut], e.Gate != nil)
	l.level(o.levels[oldest], e.Queue.Oldest.Seconds())
	l.level(o.levels[budget], e.Retry.Tokens)
	if h := e.Hedge; h != nil {
		l.count(o.counters[hedges], h.Sent)
		l.count(o.counters[hedgesWon], h.Won)
	}
}

// endpoint reports one endpoint's snapshot.
func (o *observed) endpoint(to metric.Observer, s *status.Stats) {
	l := ofEndpoint(to, s.Endpoint, s.Provider)
	l.count(o.counters[requests], s.Success, attribute.String("backplane.outcome", "success"))
	l.count(o.counters[requests], s.Errors, attribute.String("backplane.outcome", "error"))
	l.count(o.counters[requests], s.Canceled, attribute.String("backplane.outcome", "canceled"))
	for code, n := range s.ErrorsByCode {
		l.count(o.counters[errorsByCode], n, attribute.String("error.type", string(code)))
	}
	l.count(o.counters[attempts], s.Attempts)
	l.count(o.counters[retries], s.Retries)
	l.gauge(o.gauges[queueDepth], int64(s.Queued))
	l.gauge(o.gauges[queueSize], s.QueuedBytes)
	l.gauge(o.gauges[inFlight], int64(s.InFlight))
	for reason, n := range s.Refused {
		l.count(o.counters[refusals], n, attribute.String("backplane.reason", string(reason)))
	}
	l.count(o.counters[paced], s.Paced)
	for _, state := range []status.CircuitState{status.CircuitClosed, status.CircuitOpen, status.CircuitHalfOpen, status.CircuitDisabled} {
		l.state(o.gauges[circuitState], string(state), s.Circuit.State == state)
	}
	l.count(o.counters[circuitTrips], s.Circuit.Trips)
}

// plugin reports one provider's snapshot.
func (o *observed) plugin(to metric.Observer, p *status.Provider) {
	l := labeler{to, []attribute.KeyValue{attribute.String("backplane.provider", p.Name)}}
	for _, state := range []status.ProviderState{status.ProviderStarting, status.ProviderReady, status.ProviderBackoff,
		status.ProviderQuarantined, status.ProviderFailed, status.ProviderIdle, status.ProviderStopped} {
		l.state(o.gauges[pluginState], string(state), p.State == state)
	}
	l.count(o.counters[pluginStarts], p.Generation)
	l.count(o.counters[pluginRestart], p.Restarts)
	l.gauge(o.gauges[pluginCalls], int64(p.InFlight))
	l.gauge(o.gauges[pluginCrashes], int64(p.Crashes))
	for i := range p.Generations {
		g := &p.Generations[i]
		o.process(labeler{to, append(l.common[:len(l.common):len(l.common)], attribute.String("backplane.generation", strconv.FormatUint(g.ID, 10)))}, g)
	}
}

// process reports one of a provider's processes.
func (o *observed) process(l labeler, g *status.Generation) {
	l.gauge(o.gauges[processState], 1, attribute.String("backplane.state", string(g.State)))
	l.gauge(o.gauges[processCalls], int64(g.InFlight))
	if u := g.Usage; u != nil {
		l.gauge(o.gauges[processMemory], u.RSS)
		l.gauge(o.gauges[processFiles], int64(u.Files))
		l.gauge(o.gauges[processThreads], int64(u.Threads))
		l.level(o.levels[processCPU], u.CPU)
	}
}

// labeler reports values that share labels.
type labeler struct {
	to     metric.Observer
	common []attribute.KeyValue
}

func (l labeler) with(more []attribute.KeyValue) metric.ObserveOption {
	return metric.WithAttributes(append(l.common[:len(l.common):len(l.common)], more...)...)
}

func (l labeler) count(c metric.Int64ObservableCounter, n uint64, more ...attribute.KeyValue) {
	l.to.ObserveInt64(c, int64(n), l.with(more)) // a count does not reach 2^63
}

func (l labeler) gauge(g metric.Int64ObservableGauge, n int64, more ...attribute.KeyValue) {
	l.to.ObserveInt64(g, n, l.with(more))
}

func (l labeler) level(g metric.Float64ObservableGauge, n float64) {
	l.to.ObserveFloat64(g, n, l.with(nil))
}

// is reports 1 for true and 0 for false.
func (l labeler) is(g metric.Int64ObservableGauge, yes bool, more ...attribute.KeyValue) {
	var n int64
	if yes {
		n = 1
	}
	l.gauge(g, n, more...)
}

func (l labeler) state(g metric.Int64ObservableGauge, name string, now bool) {
	l.is(g, now, attribute.String("backplane.state", name))
}
