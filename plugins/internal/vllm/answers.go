package vllm

import (
	"bufio"
	"bytes"
	"encoding/json"
	"math"
	"regexp"
	"strconv"
	"strings"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// done makes JSON of an answer that is a text, or nothing at all.
func done(out *provider.Response) error {
	answer := map[string]string{"status": "success"}
	if text := strings.TrimSpace(string(out.Body)); text != "" {
		answer["message"] = strings.Trim(text, `"`)
	}
	return replace(out, answer)
}

// adapters leaves those models of a list that have a parent: the adapters.
func adapters(out *provider.Response) error {
	var list struct {
		Data []json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(out.Body, &list); err != nil {
		return broken("the list of models cannot be read: %v", err)
	}
	found := []json.RawMessage{}
	for _, raw := range list.Data {
		var model struct {
			Parent string `json:"parent"`
		}
		if json.Unmarshal(raw, &model) == nil && model.Parent != "" {
			found = append(found, raw)
		}
	}
	return replace(out, map[string]any{"object": "list", "data": found})
}

// metric is one sample of the server's metrics.
type metric struct {
	Name   string            `json:"name"`
	Labels map[string]string `json:"labels,omitempty"`
	Value  float64           `json:"value"`
}

var (
	sampleForm = regexp.MustCompile(`^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})?\s+(\S+)`)
	labelForm  = regexp.MustCompile(`([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"`)
)

// metrics reads Prometheus' text form. Buckets of histograms, which are many, are
// left out, their sums and counts are not; so are values that JSON cannot hold.
func metrics(out *provider.Response) error {
	found := []metric{}
	lines := bufio.NewScanner(bytes.NewReader(out.Body))
	lines.Buffer(nil, len(out.Body)+1)
	for lines.Scan() {
		parts := sampleForm.FindStringSubmatch(lines.Text())
		if parts == nil || strings.HasSuffix(parts[1], "_bucket") || strings.HasSuffix(parts[1], "_created") {
			continue
		}
		value, err := strconv.ParseFloat(parts[3], 64)
		if err != nil || math.IsNaN(value) || math.IsInf(value, 0) {
			continue
		}
		m := metric{Name: parts[1], Value: value, Labels: map[string]string{}}
		for _, label := range labelForm.FindAllStringSubmatch(parts[2], -1) {
			m.Labels[label[1]] = strings.NewReplacer(`\\`, `\`, `\"`, `"`, `\n`, "\n").Replace(label[2])
		}
		found = append(found, m)
	}
	if len(found) == 0 {
		return broken("the service sent no metrics")
	}
	return replace(out, map[string]any{"object": "list", "data": found})
}

func replace(out *provider.Response, answer any) error {
	body, err := json.Marshal(answer)
	out.Body, out.ContentType = body, ""
	return err
}

func broken(format string, args ...any) error {
	e := provider.Errorf(provider.CodeProtocol, format, args...)
	e.Source = provider.SourceUpstream
	return e
}
