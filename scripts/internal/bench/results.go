package main

// results holds the figures of all rounds, by case and target.
type results struct {
	options options
	cases   []benchCase
	targets []string
	machine *machine
	byCase  map[string]map[string][]figures
}

func newResults(o options, chosen []benchCase, w *world) *results {
	r := &results{options: o, cases: chosen, machine: w.machine, byCase: map[string]map[string][]figures{}}
	for _, t := range w.targets {
		r.targets = append(r.targets, t.name)
	}
	return r
}

func (r *results) add(c, t string, f figures) {
	if r.byCase[c] == nil {
		r.byCase[c] = map[string][]figures{}
	}
	r.byCase[c][t] = append(r.byCase[c][t], f)
}

// rounds are the values of a figure, one for each round that has it.
func (r *results) rounds(c, t string, f figure) []float64 {
	var values []float64
	for _, measured := range r.byCase[c][t] {
		if value, ok := measured[f]; ok {
			values = append(values, value)
		}
	}
	return values
}

// combine is what f makes of the values of two targets in each round.
func (r *results) combine(c, a, b string, of figure, f func(a, b float64) (float64, bool)) []float64 {
	var values []float64
	others := r.byCase[c][b]
	for i, measured := range r.byCase[c][a] {
		if i >= len(others) {
			break
		}
		if value, ok := f(measured[of], others[i][of]); ok {
			values = append(values, value)
		}
	}
	return values
}

// ratios are a's figure divided by b's, in each round.
func (r *results) ratios(c, a, b string, of figure) []float64 {
	return r.combine(c, a, b, of, func(a, b float64) (float64, bool) { return a / b, b > 0 && a > 0 })
}

// added is what a target adds to the direct path's figure in each round.
func (r *results) added(c, t string, of figure) []float64 {
	return r.combine(c, t, direct, of, func(a, b float64) (float64, bool) { return a - b, b > 0 })
}

// addedRatios compare what a and b add to the direct path's figure, in each round.
func (r *results) addedRatios(c, a, b string, of figure) []float64 {
	var values []float64
	others := r.added(c, b, of)
	for i, added := range r.added(c, a, of) {
		if i < len(others) && others[i] > 0 {
			values = append(values, added/others[i])
		}
	}
	return values
}
