package main

import (
	"slices"
	"time"
)

// figure names something that was measured, with its unit.
type figure string

// figures are what one case gave on one target in one round.
type figures map[figure]float64

const (
	perSecond     figure = "per_second" // requests, or chunks where those are counted
	p50           figure = "p50_us"     // whole answers
	p99           figure = "p99_us"
	first         figure = "first_us"     // first body byte, median
	delayP50      figure = "delay_p50_us" // of a chunk on its way
	delayP99      figure = "delay_p99_us"
	cpu           figure = "cpu_us" // of all the target's processes, for each request or chunk
	cpuHost       figure = "cpu_us_host"
	cpuPlugin     figure = "cpu_us_plugin"
	kbEach        figure = "kb_each" // of a stream, all the target's processes
	kbHost        figure = "kb_each_host"
	kbPlugin      figure = "kb_each_plugin"
	objectsHost   figure = "objects_host" // heap allocations of a request
	objectsPlugin figure = "objects_plugin"
	peakHost      figure = "peak_mb_host"
	peakPlugin    figure = "peak_mb_plugin"
	peak          figure = "peak_mb" // both together
	answered      figure = "answered"
	refused       figure = "refused"
	readyAfter    figure = "ready_ms"
	closedP50     figure = "closed_p50_ms"
	closedP99     figure = "closed_p99_ms"
	closedEarly   figure = "closed_early_p99_ms" // of those before the first chunk
	closedMid     figure = "closed_mid_p99_ms"   // of those amid a stream
)

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// quantile sorts the values. That of none is 0.
func quantile(values []time.Duration, q float64) time.Duration {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	return values[min(len(values)-1, int(q*float64(len(values))))]
}

// median sorts the values. That of none is 0.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	mid := len(values) / 2
	if len(values)%2 == 1 {
		return values[mid]
	}
	return (values[mid-1] + values[mid]) / 2
}

// spreadOf is a median with the least and the greatest value.
type spreadOf struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

func spreadAmong(values []float64) spreadOf {
	if len(values) == 0 {
		return spreadOf{}
	}
	return spreadOf{median(slices.Clone(values)), slices.Min(values), slices.Max(values)}
}
