package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
)

// results holds the measurements of all rounds, by case and target.
type results struct {
	byCase map[string]map[string][]measurement
}

func newResults() *results { return &results{byCase: map[string]map[string][]measurement{}} }

func (r *results) add(c, t string, m measurement) {
	if r.byCase[c] == nil {
		r.byCase[c] = map[string][]measurement{}
	}
	r.byCase[c][t] = append(r.byCase[c][t], m)
}

// median of what pick takes from each round of one case on one target.
func (r *results) median(c, t string, pick func(measurement) float64) float64 {
	var values []float64
	for _, m := range r.byCase[c][t] {
		values = append(values, pick(m))
	}
	return median(values)
}

// ratio is the median over rounds of a's figure divided by b's in that round.
func (r *results) ratio(c, a, b string, pick func(measurement) float64) float64 {
	var values []float64
	for i, m := range r.byCase[c][a] {
		if other := pick(r.byCase[c][b][i]); other != 0 {
			values = append(values, pick(m)/other)
		}
	}
	return median(values)
}

// added is the median over rounds of what a target adds to the direct path's
// figure in that round.
func (r *results) added(c, t string, pick func(measurement) float64) float64 {
	var values []float64
	for i, m := range r.byCase[c][t] {
		values = append(values, pick(m)-pick(r.byCase[c][direct][i]))
	}
	return median(values)
}

// addedRatio compares what a and b add to the direct path's figure, in each round.
func (r *results) addedRatio(c, a, b string, pick func(measurement) float64) float64 {
	var values []float64
	for i, m := range r.byCase[c][a] {
		base := pick(r.byCase[c][direct][i])
		if added := pick(r.byCase[c][b][i]) - base; added > 0 {
			values = append(values, (pick(m)-base)/added)
		}
	}
	return median(values)
}

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

func rate(m measurement) float64  { return m.rate }
func p50(m measurement) float64   { return m.p50 }
func p99(m measurement) float64   { return m.p99 }
func first(m measurement) float64 { return m.first }
func cpu(m measurement) float64 {
	var sum float64
	for _, v := range m.cpu {
		sum += v
	}
	return sum
}

// summary is what -json prints: medians over rounds of ratios within a round.
type summary struct {
	CPUvsReverseProxyC64      float64 `json:"cpu_vs_reverseproxy_c64"`
	CPUvsFastHTTPC64          float64 `json:"cpu_vs_fasthttp_c64"`
	AddedP50vsReverseProxyC1  float64 `json:"added_p50_vs_reverseproxy_c1"`
	RequestsVsDirectC64       float64 `json:"requests_vs_direct_c64"`
	ChunksVsDirectS50         float64 `json:"chunks_vs_direct_s50"`
	ChunksVsDirectS500        float64 `json:"chunks_vs_direct_s500"`
	CPUPerChunkVsReverseS50   float64 `json:"cpu_per_chunk_vs_reverseproxy_s50"`
	CPUPerChunkVsReverseS500  float64 `json:"cpu_per_chunk_vs_reverseproxy_s500"`
	AddedFirstChunkVsReverse  float64 `json:"added_first_chunk_vs_reverseproxy_c1"`
	CPU200KvsReverseProxyC64  float64 `json:"cpu_200k_vs_reverseproxy_c64"`
	KBPerIdleStream           float64 `json:"kb_per_idle_stream"`
	AllocsPerRequestHost      float64 `json:"allocs_per_request_host"`
	AllocsPerRequestPlugin    float64 `json:"allocs_per_request_plugin"`
	CPUMicrosPerRequestHost   float64 `json:"cpu_us_per_request_host_c64"`
	CPUMicrosPerRequestPlugin float64 `json:"cpu_us_per_request_plugin_c64"`
}

func (r *results) summary() summary {
	return summary{
		CPUvsReverseProxyC64:      r.ratio("unary-c64", backplane, reverseproxy, cpu),
		CPUvsFastHTTPC64:          r.ratio("unary-c64", backplane, fasthttpName, cpu),
		AddedP50vsReverseProxyC1:  r.addedRatio("unary-c1", backplane, reverseproxy, p50),
		RequestsVsDirectC64:       r.ratio("unary-c64", backplane, direct, rate),
		ChunksVsDirectS50:         r.ratio("stream-s50", backplane, direct, rate),
		ChunksVsDirectS500:        r.ratio("stream-s500", backplane, direct, rate),
		CPUPerChunkVsReverseS50:   r.ratio("stream-s50", backplane, reverseproxy, cpu),
		CPUPerChunkVsReverseS500:  r.ratio("stream-s500", backplane, reverseproxy, cpu),
		AddedFirstChunkVsReverse:  r.addedRatio("first-chunk-c1", backplane, reverseproxy, first),
		CPU200KvsReverseProxyC64:  r.ratio("unary-200k-c64", backplane, reverseproxy, cpu),
		KBPerIdleStream:           r.idleKB(),
		AllocsPerRequestHost:      r.median("unary-c64", backplane, func(m measurement) float64 { return m.allocs["host"] }),
		AllocsPerRequestPlugin:    r.median("unary-c64", backplane, func(m measurement) float64 { return m.allocs["plugin"] }),
		CPUMicrosPerRequestHost:   r.median("unary-c64", backplane, func(m measurement) float64 { return m.cpu["host"] }),
		CPUMicrosPerRequestPlugin: r.median("unary-c64", backplane, func(m measurement) float64 { return m.cpu["plugin"] }),
	}
}

// idleKB is measured once, in the first round.
func (r *results) idleKB() float64 { return r.byCase["idle-s1000"][backplane][0].kbIdle }

func (r *results) writeJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r.summary())
}

// writeTables prints the medians of every case and target, then the ratios.
func (r *results) writeTables(w io.Writer) {
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, c := range cases() {
		if c.hold {
			continue
		}
		unit := "requests/s"
		if c.stream && c.model == "mock" {
			unit = "chunks/s"
		}
		_, _ = fmt.Fprintf(tab, "%s\t%s\tp50 us\tadded\tp99 us\tadded\tfirst us\tadded\tCPU us each\thost\tplugin\t\n", c.name, unit)
		for _, t := range []string{direct, fasthttpName, reverseproxy, backplane} {
			_, _ = fmt.Fprintf(tab, "%s\t%.0f", t, r.median(c.name, t, rate))
			for _, figure := range []func(measurement) float64{p50, p99, first} {
				_, _ = fmt.Fprintf(tab, "\t%.0f\t%+.0f", r.median(c.name, t, figure), r.added(c.name, t, figure))
			}
			_, _ = fmt.Fprintf(tab, "\t%.2f\t%.2f\t%.2f\t\n", r.median(c.name, t, cpu),
				r.median(c.name, t, func(m measurement) float64 { return m.cpu["host"] }), r.median(c.name, t, func(m measurement) float64 { return m.cpu["plugin"] }))
		}
		_, _ = fmt.Fprintln(tab, "\t\t\t\t\t\t\t\t\t\t\t")
	}
	_ = tab.Flush()
	_, _ = fmt.Fprintln(w, "Ratios within a round, medians over rounds:")
	_ = r.writeJSON(w)
}
