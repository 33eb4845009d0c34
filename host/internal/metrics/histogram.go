package metrics

import (
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// histogram counts values in buckets. Observing takes two atomic additions and
// no lock, a tenth of what the SDK's own instruments take, which find their
// series anew for each value.
type histogram struct {
	layout *layout
	counts []atomic.Uint64 // one more than there are bounds
	sum    atomic.Int64
}

// layout is what the histograms of one metric share.
type layout struct {
	Instrument
	// bounds are the inclusive upper ends of the buckets, in the unit of what is
	// observed; scaled by unit they are those that are shown.
	bounds []int64
	shown  []float64
	unit   float64
}

// seconds makes a layout for durations, with bounds in seconds.
func seconds(in Instrument, bounds []float64) *layout {
	return newLayout(in, float64(time.Second), bounds)
}

func newLayout(in Instrument, unit float64, bounds []float64) *layout {
	l := &layout{Instrument: in, shown: bounds, unit: unit, bounds: make([]int64, len(bounds))}
	for i, b := range bounds {
		l.bounds[i] = int64(b * unit)
	}
	return l
}

func (l *layout) histogram() histogram {
	return histogram{layout: l, counts: make([]atomic.Uint64, len(l.bounds)+1)}
}

// observe counts one value. It is safe for concurrent use.
func (h *histogram) observe(value int64) {
	i, bounds := 0, h.layout.bounds
	for i < len(bounds) && value > bounds[i] {
		i++
	}
	h.counts[i].Add(1)
	h.sum.Add(value)
}

// point is the histogram now; ok is false if nothing was observed. The count is
// that of the buckets; values that are observed meanwhile may be in the sum only.
func (h *histogram) point(labels attribute.Set, since, now time.Time) (p metricdata.HistogramDataPoint[float64], ok bool) {
	p = metricdata.HistogramDataPoint[float64]{
		Attributes: labels, StartTime: since, Time: now, Bounds: h.layout.shown, BucketCounts: make([]uint64, len(h.counts)),
	}
	for i := range h.counts {
		p.BucketCounts[i] = h.counts[i].Load()
		p.Count += p.BucketCounts[i]
	}
	p.Sum = float64(h.sum.Load()) / h.layout.unit
	return p, p.Count > 0
}

// collection gathers the points of each metric, in the order of the layouts.
type collection struct {
	since, now time.Time
	points     map[*layout][]metricdata.HistogramDataPoint[float64]
}

func (c *collection) add(h *histogram, labels attribute.Set) {
	if p, ok := h.point(labels, c.since, c.now); ok {
		c.points[h.layout] = append(c.points[h.layout], p)
	}
}

func (c *collection) metrics(layouts []*layout) []metricdata.Metrics {
	var all []metricdata.Metrics
	for _, l := range layouts {
		if points := c.points[l]; len(points) > 0 {
			all = append(all, metricdata.Metrics{
				Name: l.Name, Description: l.Description, Unit: l.Unit,
				Data: metricdata.Histogram[float64]{DataPoints: points, Temporality: metricdata.CumulativeTemporality},
			})
		}
	}
	return all
}
