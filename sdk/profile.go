package sdk

import (
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"strings"
	"time"
)

// ProfileEnv is the environment variable that names an address, "unix:/path" or
// a loopback "host:port", on which a served plugin answers /debug/pprof/. The
// operator sets it in the provider block's env to look into a running plugin. The
// folder of a socket must be open to the process, by its block's "write".
const ProfileEnv = "BACKPLANE_PROFILE_LISTEN"

// serveProfiles answers Go's profiles on addr until the process ends. A plugin
// without profiles is better than none, so a wrong address is only logged.
func serveProfiles(addr string) {
	l, err := listenProfiles(addr)
	if err != nil {
		slog.Error("no profiles", "variable", ProfileEnv, "error", err)
		return
	}
	slog.Warn("serving profiles, which tell a lot about the process", "address", addr)
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = server.Serve(l) }() // ends with the process
}

func listenProfiles(addr string) (net.Listener, error) {
	if path, ok := strings.CutPrefix(addr, "unix:"); ok {
		return net.Listen("unix", path)
	}
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf(`address %q is wrong: write "unix:/path" or "127.0.0.1:PORT"`, addr)
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return nil, fmt.Errorf("address %q can be reached from other machines: use a unix socket or 127.0.0.1", addr)
	}
	return net.Listen("tcp", addr)
}
