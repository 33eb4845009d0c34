package config

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// textWeights writes a route's weights as text: the schema's maps hold text, and
// { fast = 3 } is what people write.
func textWeights(values map[string]any) {
	weights, _ := values["weights"].(map[string]any)
	for id, weight := range weights {
		switch weight := weight.(type) {
		case json.Number:
			weights[id] = weight.String()
		case bool:
			weights[id] = strconv.FormatBool(weight)
		}
	}
}

// checkWeights reports weights of endpoints that the route does not have, those
// that are no counts, and those that have no effect.
func (f *File) checkWeights(s *section, routed map[string]bool) {
	given, _ := s.values["weights"].(map[string]any)
	at, _ := s.locate("weights")
	if len(given) > 0 && s.str("balance") != BalanceWeighted {
		f.errorAt(s, "weights", at.value, "Weights without effect",
			fmt.Sprintf("Weights count only with balance = %q.", BalanceWeighted))
	}
	weights := make(map[string]int, len(routed))
	for id := range routed {
		weights[id] = 1
	}
	for _, id := range slices.Sorted(maps.Keys(given)) {
		weights[id] = f.checkWeight(s, id, given[id], routed)
	}
	if len(weights) > 0 && !slices.ContainsFunc(slices.Collect(maps.Values(weights)), func(n int) bool { return n != 0 }) {
		f.errorAt(s, "weights", at.value, "Nothing to choose from",
			"All weights are 0, so that no endpoint would be tried first. Give one of them a weight above 0.")
	}
}

// checkWeight returns the weight of one endpoint, -1 if it is wrong.
func (f *File) checkWeight(s *section, id string, given any, routed map[string]bool) int {
	path := "weights[" + strconv.Quote(id) + "]"
	at, _ := s.locate(path)
	if !routed[id] {
		f.errorAt(s, path, at.name, "Unknown endpoint",
			s.unknown("weights", "endpoint of this route", id, slices.Sorted(maps.Keys(routed)), "Add it to endpoints."))
	}
	text, isText := given.(string)
	n, err := strconv.Atoi(text)
	if !isText {
		return -1 // the schema has reported it
	}
	if err != nil || n < 0 || n > maxWeight {
		f.errorAt(s, path, at.value, "Invalid weight", fmt.Sprintf("Write a whole number from 0 to %d.", maxWeight))
		return -1
	}
	return n
}

// maxWeight is the largest weight of an endpoint in a route.
const maxWeight = 1_000_000

// checkTenants checks what tells tenants apart.
func (f *File) checkTenants() {
	s, name := f.server, "tenant_by"
	by, given := s.values[name].(string)
	header, isHeader := strings.CutPrefix(by, "header:")
	if !given || by == TenantByKey || by == TenantByNone || isHeader && isHeaderName(header) {
		return
	}
	f.errorAt(s, name, s.places[name].value, "Value not allowed", fmt.Sprintf(
		"%q must be %q, %q, or \"header:\" and the name of a header, for example \"header:x-team\"%s.", name, TenantByKey, TenantByNone, s.butIs(name)))
}

// checkHeader checks a setting that names a header; "" names none.
func (f *File) checkHeader(s *section, name, example string) {
	header, given := s.values[name].(string)
	if !given || header == "" || isHeaderName(header) {
		return
	}
	f.errorAt(s, name, s.places[name].value, "Value not allowed", fmt.Sprintf(
		"%q must be the name of a header, for example %q, or \"\" for none%s.", name, example, s.butIs(name)))
}

// butIs quotes the value of a setting, unless it came from the environment or a
// file.
func (s *section) butIs(name string) string {
	if s.external[name] {
		return ""
	}
	return fmt.Sprintf(", but is %q", s.str(name))
}

// isHeaderName reports whether text can be the name of a header: a token of
// RFC 9110, section 5.6.2.
func isHeaderName(text string) bool {
	return text != "" && strings.IndexFunc(text, func(r rune) bool {
		letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
		return !letter && !strings.ContainsRune("!#$%&'*+-.^_`|~", r)
	}) < 0
}
