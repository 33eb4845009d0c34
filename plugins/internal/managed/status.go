package managed

import (
	"fmt"
	"time"
)

// Status is the answer of server.status, and of the other operations that
// change it.
type Status struct {
	// Mode is attach, process, container, or hosted, where there is no server.
	Mode  string `json:"mode"`
	State State  `json:"state"`
	// Address is where the server listens.
	Address string `json:"address,omitempty"`
	// Message is the last line of the log while the server loads, else why it is
	// in its state.
	Message string `json:"message,omitempty"`
	// Elapsed is the time since the start while the server loads, else since the
	// state began, in seconds.
	Elapsed float64 `json:"elapsed_seconds"`
	// Healthy is what its health said last, Health the words of a bad one.
	Healthy bool   `json:"healthy"`
	Health  string `json:"health,omitempty"`
	// Restarts counts those of the last ten minutes.
	Restarts int `json:"restarts"`
	// Error says why the server ended last, or failed.
	Error string `json:"error,omitempty"`
	// InFlight counts the calls that use it, or wait for it, now.
	InFlight int `json:"in_flight"`
	// Endpoints share the server.
	Endpoints []string `json:"endpoints,omitempty"`
	// Found is true if it ran already and was taken over: started by another
	// process of the plugin. Foreign is true if somebody else started it.
	Found   bool `json:"found,omitempty"`
	Foreign bool `json:"foreign,omitempty"`
	// PID is the process's, Container and Image the container's.
	PID       int    `json:"pid,omitempty"`
	Container string `json:"container,omitempty"`
	Image     string `json:"image,omitempty"`
	// Command is what is started.
	Command []string `json:"command,omitempty"`
}

// status is a snapshot.
func (s *server) status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := Status{
		Mode: s.spec.Mode, State: s.state, Address: "http://" + s.spec.address(), Message: s.message,
		Healthy: s.state == Ready, Health: s.unwell, InFlight: s.calls, Endpoints: s.endpoints(), Command: s.spec.Argv,
	}
	from := s.since
	if s.state == Starting {
		from = s.began
	}
	st.Elapsed = float64(time.Since(from).Milliseconds()) / 1000
	for _, at := range s.restarts {
		if time.Since(at) < restartWindow {
			st.Restarts++
		}
	}
	if s.state == Failed {
		st.Restarts = max(0, st.Restarts-1) // the last was not made
	}
	if s.failure != nil {
		st.Error = s.failure.Message
	}
	if s.instance != nil {
		s.instance.facts(&st)
	}
	if s.spec.Container != nil {
		st.Image = s.spec.Container.Image
	}
	return st
}

func count(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}
