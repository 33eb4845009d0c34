package managedtest

import (
	"context"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/backplane-dev/backplane/sdk/providertest"
)

// fakeArgument makes the test binary the fake server.
const fakeArgument = "fake-model-server"

// faults are the ways in which the fake server can behave badly.
type faults struct {
	address string
	model   string
	load    time.Duration
	exit    int
	life    time.Duration
	starts  string
	stubborn, child,
	silent bool
}

// serveFake is a fake of a server with a model: it says that it loads, then
// listens and answers as a server in OpenAI's dialect does.
func serveFake(args []string) int {
	var f faults
	host, port := "", ""
	set := flag.NewFlagSet(fakeArgument, flag.ContinueOnError)
	set.StringVar(&host, "host", "127.0.0.1", "")
	set.StringVar(&port, "port", "", "")
	set.StringVar(&f.model, "model", "", "")
	set.DurationVar(&f.load, "load", 0, "time until it listens")
	set.IntVar(&f.exit, "exit", -1, "ends at once with this status")
	set.DurationVar(&f.life, "life", 0, "crashes so long after it listens")
	set.StringVar(&f.starts, "starts", "", "file that gets a line at each start")
	set.BoolVar(&f.stubborn, "stubborn", false, "does not end on SIGTERM")
	set.BoolVar(&f.child, "child", false, "starts a process of its own")
	set.BoolVar(&f.silent, "silent", false, "is never well")
	if err := set.Parse(args); err != nil {
		return 2
	}
	f.address = net.JoinHostPort(host, port)
	return f.run()
}

func (f *faults) run() int {
	if f.starts != "" {
		file, err := os.OpenFile(f.starts, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return 1
		}
		_, _ = fmt.Fprintln(file, os.Getpid()) // the test misses the line
		_ = file.Close()
	}
	if f.exit >= 0 {
		fmt.Fprintln(os.Stderr, "ValueError: the model's weights are made of cheese")
		return f.exit
	}
	if f.stubborn {
		signal.Ignore(syscall.SIGTERM)
	}
	if f.child {
		c := exec.Command("/bin/sleep", "600")
		if c.Start() == nil {
			fmt.Fprintln(os.Stderr, "child", c.Process.Pid)
		}
	}
	for step := range 4 {
		fmt.Fprintf(os.Stderr, "loading weights: %d%%\n", 25*step)
		time.Sleep(f.load / 4)
	}
	return f.listen()
}

func (f *faults) listen() int {
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", f.address)
	if err != nil {
		fmt.Fprintln(os.Stderr, "OSError: [Errno 98]", err)
		return 1
	}
	fmt.Fprintln(os.Stderr, "model", f.model, "is loaded", os.Getenv("FAKE_WORD"))
	if f.life > 0 {
		time.AfterFunc(f.life, func() {
			fmt.Fprintln(os.Stderr, "RuntimeError: CUDA error: an illegal memory access was encountered")
			os.Exit(3)
		})
	}
	_ = http.Serve(listener, f) //nolint:gosec // a fake on loopback; it ends with the process
	return 0
}

// ServeHTTP answers in OpenAI's dialect, and says whether the server is well.
func (f *faults) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/health" && f.silent:
		w.WriteHeader(http.StatusServiceUnavailable)
	case r.URL.Path == "/health":
		w.WriteHeader(http.StatusOK)
	case r.URL.Path == "/score": // a model that thinks for ever
		<-r.Context().Done()
	case strings.HasPrefix(r.URL.Path, "/crash"):
		os.Exit(3)
	default:
		providertest.OpenAI().Handler.ServeHTTP(w, r)
	}
}
