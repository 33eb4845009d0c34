package reference

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strings"
)

// request is the body of an inference.
type request struct {
	Inputs      json.RawMessage `json:"inputs"`
	list        []json.RawMessage
	MaxTokens   *int     `json:"max_tokens"`
	Temperature *float64 `json:"temperature"`
	TopK        *int     `json:"top_k"`
	TopP        *float64 `json:"top_p"`
	Params      struct {
		Stop []string `json:"stop"`
		Seed *int64   `json:"seed"`
	} `json:"params"`
}

// knownParams are the parameters that these models have. Seed makes no
// difference: the same inputs have the same outputs anyway.
var knownParams = []string{"seed", "stop"}

// badRequest is a mistake in a request's field.
type badRequest struct{ param, message string }

func (e *badRequest) Error() string { return e.message }

func (s *server) infer(w http.ResponseWriter, r *http.Request) {
	m := s.ready(w, r)
	if m == nil {
		return
	}
	in, err := read(w, r)
	if !refused(w, err) && !refused(w, in.checkInput("inputs", in.Inputs)) {
		if len(in.Inputs) > MaxInputBytes {
			fail(w, http.StatusRequestEntityTooLarge, "request_too_large", "inputs", tooLong)
			return
		}
		answer := in.answer(m)
		answer["model_id"] = m.ID
		reply(w, http.StatusOK, answer)
	}
}

// batch runs the model on each of several inputs. One that is too long for the
// model fails alone.
func (s *server) batch(w http.ResponseWriter, r *http.Request) {
	m := s.ready(w, r)
	if m == nil {
		return
	}
	in, err := read(w, r)
	if refused(w, err) || refused(w, in.checkList()) {
		return
	}
	results := []map[string]any{}
	for _, input := range in.list {
		one := *in
		one.Inputs = input
		if len(input) > MaxInputBytes {
			results = append(results, map[string]any{"error": map[string]string{"type": "request_too_large", "message": tooLong}})
			continue
		}
		results = append(results, one.answer(m))
	}
	reply(w, http.StatusOK, map[string]any{"model_id": m.ID, "results": results})
}

// tooLong is the error of an input that is too large for the models.
var tooLong = fmt.Sprintf("the model takes no inputs of over %d bytes", MaxInputBytes)

// ready finds the model that the path names, or answers why it cannot be used.
func (s *server) ready(w http.ResponseWriter, r *http.Request) *Model {
	m := s.find(w, r)
	if m == nil {
		return nil
	}
	switch m.Status {
	case "loading":
		w.Header().Set("Retry-After", "2")
		fail(w, http.StatusServiceUnavailable, "model_loading", "", "the model is being loaded")
		return nil
	case "failed":
		fail(w, http.StatusConflict, "model_failed", "", "the model could not be loaded")
		return nil
	default:
		return m
	}
}

// refused answers a request that is wrong, and reports whether it is.
func refused(w http.ResponseWriter, err error) bool {
	var tooLarge *http.MaxBytesError
	var bad *badRequest
	switch {
	case errors.As(err, &tooLarge):
		fail(w, http.StatusRequestEntityTooLarge, "request_too_large", "", fmt.Sprintf("the body has over %d bytes", tooLarge.Limit))
	case errors.As(err, &bad):
		fail(w, http.StatusBadRequest, "invalid_request", bad.param, bad.message)
	case err != nil:
		fail(w, http.StatusBadRequest, "invalid_request", "", err.Error())
	}
	return err != nil
}

// read reads and checks a request.
func read(w http.ResponseWriter, r *http.Request) (*request, error) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return nil, &badRequest{"", "the body must be application/json"}
	}
	var raw json.RawMessage
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, MaxRequestBytes)).Decode(&raw); err != nil {
		return nil, err
	}
	in := &request{}
	if err := json.Unmarshal(raw, in); err != nil {
		return nil, wrongType(err)
	}
	var given struct {
		Params map[string]json.RawMessage `json:"params"`
	}
	if err := json.Unmarshal(raw, &given); err != nil {
		return nil, wrongType(err)
	}
	for _, name := range slices.Sorted(maps.Keys(given.Params)) {
		if !slices.Contains(knownParams, name) {
			return nil, &badRequest{"params." + name, "the model has no parameter " + name}
		}
	}
	return in, in.check()
}

func wrongType(err error) error {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		return &badRequest{wrong.Field, "must not be of the type " + wrong.Value}
	}
	return err
}

// checkInput reports an input that is no text and no object.
func (in *request) checkInput(param string, input json.RawMessage) error {
	if len(input) == 0 || input[0] != '"' && input[0] != '{' {
		return &badRequest{param, "must be a text or an object"}
	}
	return nil
}

// checkList reads the inputs of a batch.
func (in *request) checkList() error {
	if json.Unmarshal(in.Inputs, &in.list) != nil || len(in.list) == 0 {
		return &badRequest{"inputs", "must be a list of texts or objects"}
	}
	for i, input := range in.list {
		if err := in.checkInput(fmt.Sprintf("inputs[%d]", i), input); err != nil {
			return err
		}
	}
	return nil
}

// check reports values out of bounds.
func (in *request) check() error {
	switch {
	case in.MaxTokens != nil && *in.MaxTokens < 1:
		return &badRequest{"max_tokens", "must be at least 1"}
	case in.Temperature != nil && *in.Temperature < 0:
		return &badRequest{"temperature", "must be at least 0"}
	case in.TopK != nil && *in.TopK < 1:
		return &badRequest{"top_k", "must be at least 1"}
	case in.TopP != nil && (*in.TopP <= 0 || *in.TopP > 1):
		return &badRequest{"top_p", "must be over 0 and at most 1"}
	default:
		return nil
	}
}

// answer runs the model. A token is a word.
func (in *request) answer(m *Model) map[string]any {
	var text string
	if json.Unmarshal(in.Inputs, &text) != nil { // an object: back as it came
		return map[string]any{"outputs": in.Inputs, "metadata": map[string]any{"finish_reason": "stop"}}
	}
	output, reason := m.Run(text), "stop"
	for _, stop := range in.Params.Stop {
		if before, _, found := strings.Cut(output, stop); found && stop != "" {
			output = before
		}
	}
	if words := strings.SplitAfter(output, " "); in.MaxTokens != nil && len(words) > *in.MaxTokens {
		output, reason = strings.Join(words[:*in.MaxTokens], ""), "length"
	}
	return map[string]any{"outputs": output, "metadata": map[string]any{
		"finish_reason": reason,
		"usage":         map[string]int{"input_tokens": len(strings.Fields(text)), "output_tokens": len(strings.Fields(output))},
	}}
}
