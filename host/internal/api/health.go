package api

import "net/http"

// healthz answers GET /healthz: the process lives and can answer.
func (x *exchange) healthz() {
	x.write(http.StatusOK, "application/json", []byte(`{"status":"ok"}`))
}

// readyz answers GET /readyz: requests can be served, or not and why. A reason
// beside "ready" says what does not work while the rest does.
func (x *exchange) readyz() {
	ready, reason := x.core.Ready()
	answer := struct {
		Status string `json:"status"`
		Reason string `json:"reason,omitempty"`
	}{"ready", reason}
	code := http.StatusOK
	if !ready {
		answer.Status, code = "not ready", http.StatusServiceUnavailable
	}
	x.w.Header().Set("Cache-Control", "no-store")
	x.write(code, "application/json", encode(answer))
}
