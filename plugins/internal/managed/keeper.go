package managed

import (
	"encoding/json"
	"os"
	"time"
)

// keepArgument makes a binary the keeper of a server. It is not for people.
const keepArgument = "keep-managed-server"

// Keep turns this process into the keeper of a server if it was started as one,
// and does not return then. A plugin's main calls it before anything else; so
// does TestMain of tests that start servers.
func Keep() {
	if len(os.Args) == 2 && os.Args[1] == keepArgument {
		os.Exit(keep(os.Stdin, os.Stdout))
	}
}

// task is what a keeper is told on its standard input.
type task struct {
	ID          string        `json:"id"`
	Argv        []string      `json:"argv"`
	Env         []string      `json:"env"`
	Directory   string        `json:"directory"`
	Socket      string        `json:"socket"`
	Lease       string        `json:"lease"`
	StopTimeout time.Duration `json:"stop_timeout"`
}

// kept is what a keeper says of its server, first on its standard output and
// then through its socket.
type kept struct {
	ID      string    `json:"id"`
	PID     int       `json:"pid,omitempty"`
	Started time.Time `json:"started,omitzero"`
	// Exited says how the server ended, "" while it runs.
	Exited string `json:"exited,omitempty"`
	// Asked is true if it ended because somebody asked for it.
	Asked bool `json:"asked,omitempty"`
	// Error says why the server could not be started.
	Error string `json:"error,omitempty"`
	// Missing is true if that is because there is no such program.
	Missing bool `json:"missing,omitempty"`
	// Denied is true if that is because it may not be executed.
	Denied bool `json:"denied,omitempty"`
}

// said is one answer with lines of the server's output.
type said struct {
	Lines []string `json:"lines"`
}

func encode(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err) // numbers and texts always encode
	}
	return data
}
