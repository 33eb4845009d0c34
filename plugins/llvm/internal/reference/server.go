// Package reference is a server that speaks the LLVM inference protocol, as the
// README of the plugin describes it. It runs no model: its models do simple
// things to texts, so that clients can be tested against the protocol.
package reference

import (
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// MaxRequestBytes is the largest body of a request, MaxInputBytes the largest
// input of these models.
const (
	MaxRequestBytes = 32 << 20
	MaxInputBytes   = 8 << 20
)

// Model is a model of the server.
type Model struct {
	ID     string
	Status string // "loaded", "loading" or "failed"
	// Details are shown with the model, nil for none.
	Details map[string]any
	// Run makes the output of the inputs: of a text a text, of an object an object.
	Run func(text string) string
}

// Models are those of a server that was given none. One has a slash in its name,
// one is being loaded, one failed to load.
func Models() []Model {
	return []Model{
		{ID: "echo", Status: "loaded", Run: func(s string) string { return s }, Details: map[string]any{"kind": "repeats"}},
		{ID: "acme/upper", Status: "loaded", Run: strings.ToUpper},
		{ID: "slow", Status: "loading", Details: map[string]any{"progress": 0.5}},
		{ID: "broken", Status: "failed", Details: map[string]any{"reason": "the file is not a model"}},
	}
}

// server implements the protocol.
type server struct {
	key    string
	models []Model
}

// New makes a server. With a key, requests without it are refused.
func New(key string, models []Model) http.Handler {
	s := &server{key: key, models: models}
	mux := http.NewServeMux()
	mux.HandleFunc("/models", s.only(http.MethodGet, s.list))
	mux.HandleFunc("/models/{id}", s.only(http.MethodGet, s.info))
	mux.HandleFunc("/models/{id}/inference", s.only(http.MethodPost, s.infer))
	mux.HandleFunc("/models/{id}/batch", s.only(http.MethodPost, s.batch))
	mux.HandleFunc("/", s.only("", func(w http.ResponseWriter, r *http.Request) {
		fail(w, http.StatusNotFound, "not_found", "", "there is nothing at "+r.URL.Path)
	}))
	return mux
}

// only lets requests of the method and with the key pass.
func (s *server) only(method string, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		given := []byte(r.Header.Get("Authorization"))
		switch {
		case s.key != "" && subtle.ConstantTimeCompare(given, []byte("Bearer "+s.key)) != 1:
			w.Header().Set("WWW-Authenticate", "Bearer")
			fail(w, http.StatusUnauthorized, "unauthorized", "", "the key is missing or wrong")
		case method != "" && r.Method != method:
			w.Header().Set("Allow", method)
			fail(w, http.StatusMethodNotAllowed, "method_not_allowed", "", "only "+method+" is possible here")
		default:
			next(w, r)
		}
	}
}

func (s *server) list(w http.ResponseWriter, _ *http.Request) {
	ids := []string{}
	for _, m := range s.models {
		ids = append(ids, m.ID)
	}
	reply(w, http.StatusOK, map[string]any{"models": ids})
}

func (s *server) info(w http.ResponseWriter, r *http.Request) {
	m := s.find(w, r)
	if m == nil {
		return
	}
	about := map[string]any{"model_id": m.ID, "status": m.Status}
	if m.Details != nil {
		about["details"] = m.Details
	}
	reply(w, http.StatusOK, about)
}

// find finds the model that the path names, or answers that there is none.
func (s *server) find(w http.ResponseWriter, r *http.Request) *Model {
	id := r.PathValue("id")
	for i := range s.models {
		if s.models[i].ID == id {
			return &s.models[i]
		}
	}
	fail(w, http.StatusNotFound, "model_not_found", "", fmt.Sprintf("there is no model %q", id))
	return nil
}

// fail answers with an error of the protocol's.
func fail(w http.ResponseWriter, status int, kind, param, message string) {
	e := map[string]string{"type": kind, "message": message}
	if param != "" {
		e["param"] = param
	}
	reply(w, status, map[string]any{"error": e})
}

func reply(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // a failure is the client's, which left
}
