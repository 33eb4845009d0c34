package host

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/backplane-dev/backplane/host/config"
	"github.com/backplane-dev/backplane/host/handover"
	"github.com/backplane-dev/backplane/host/internal/admin"
	"github.com/backplane-dev/backplane/host/internal/api"
	"github.com/backplane-dev/backplane/host/internal/front"
	"github.com/backplane-dev/backplane/host/internal/graceful"
)

// closeGrace is the time for last words after the plugins have gone: streams
// that were cut off still get their error event.
const closeGrace = time.Second

// dataServer serves the data plane: package front's, or package graceful's, which
// is net/http's. After Shutdown has ended with its context, another goes on
// waiting.
type dataServer interface {
	Serve(l net.Listener) error
	Shutdown(ctx context.Context) error
	Close() error
}

// newDataServer chooses by server.http_server.
func newDataServer(s *http.Server, kind string) dataServer {
	if kind == config.HTTPStandard {
		return graceful.New(s)
	}
	return front.New(s)
}

// servers are the two listeners and what serves on them. The host may be
// stopped while it still starts.
type servers struct {
	mu                          sync.Mutex
	closed                      bool // nothing is opened any more
	dataListener, adminListener net.Listener
	data                        dataServer
	admin                       *http.Server
	cfg                         config.Server // as bound
	running                     sync.WaitGroup
}

var (
	errStarted = errors.New("the host was started already")
	errStopped = errors.New("the host was shut down")
)

// bind takes the addresses, so that a wrong or taken one is known before any
// plugin starts. Sockets that the process was started with are taken first.
func (s *servers) bind(ctx context.Context, cfg config.Server, inherited *handover.Sockets) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return errStopped
	case s.dataListener != nil:
		return errStarted
	}
	data, err := listen(ctx, cfg.Listen, inherited)
	if err != nil {
		return err
	}
	if cfg.Admin != "off" {
		if s.adminListener = inherited.Listener(handover.Admin, cfg.Admin); s.adminListener == nil {
			s.adminListener, err = admin.Listen(ctx, cfg.Admin, false)
		}
		if err != nil {
			_ = data.Close()
			return err
		}
	}
	s.dataListener, s.cfg = data, cfg
	return nil
}

// listen opens the address of the data plane.
func listen(ctx context.Context, address string, inherited *handover.Sockets) (net.Listener, error) {
	if l := inherited.Listener(handover.Data, address); l != nil {
		return l, nil
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w; choose another address with server.listen or -listen", address, plainCause(err))
	}
	return l, nil
}

// Sockets are what a successor of this host can take over; see package handover.
func (h *Host) Sockets() []handover.Socket {
	data, control := h.servers.listeners()
	var all []handover.Socket
	if data != nil {
		all = append(all, handover.Socket{Role: handover.Data, Address: h.servers.cfg.Listen, Listener: data})
	}
	if control != nil {
		all = append(all, handover.Socket{Role: handover.Admin, Address: h.servers.cfg.Admin, Listener: control})
	}
	return all
}

// plainCause is why an address could not be taken, without the address and the
// names of system calls.
func plainCause(err error) error {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		err = op.Err
	}
	if call, ok := errors.AsType[*os.SyscallError](err); ok {
		err = call.Err
	}
	return err
}

// serve begins to answer, unless the host was stopped meanwhile.
func (s *servers) serve(h *Host) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errStopped
	}
	data := newDataServer(api.NewServer(h.Handler(""), h.log), s.cfg.HTTPServer)
	s.data = data
	s.running.Go(func() { _ = data.Serve(s.dataListener) }) // always ends with ErrServerClosed
	if s.adminListener != nil {
		control := api.NewServer(admin.New(adminCore{h}, admin.Options{Log: h.log}), h.log)
		s.admin = control
		s.running.Go(func() { _ = control.Serve(s.adminListener) }) // as above
	}
	return nil
}

// drain stops listening for data and waits for the running requests, until ctx
// ends. Requests that are left then are cut off when the plugins stop.
func (s *servers) drain(ctx context.Context) error {
	s.mu.Lock()
	s.closed = true
	data := s.data
	s.mu.Unlock()
	if data == nil {
		return s.unbind()
	}
	if err := data.Shutdown(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("stop listening: %w", err)
	}
	return nil
}

// unbind gives the addresses back if nothing serves on them.
func (s *servers) unbind() error {
	data, control := s.listeners()
	var errs []error
	for _, l := range []net.Listener{data, control} {
		if l != nil {
			errs = append(errs, l.Close())
		}
	}
	return errors.Join(errs...)
}

// close ends what is left after drain.
func (s *servers) close() {
	ctx, cancel := context.WithTimeout(context.Background(), closeGrace)
	defer cancel()
	if s.data != nil && s.data.Shutdown(ctx) != nil { // both are fixed since drain
		_ = s.data.Close()
	}
	if s.admin != nil && s.admin.Shutdown(ctx) != nil {
		_ = s.admin.Close()
	}
	s.running.Wait()
}

// listeners returns what bind has opened, nil before it.
func (s *servers) listeners() (data, admin net.Listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dataListener, s.adminListener
}

// Addr is the address of the data plane, "" before Start. With ":0" in the
// configuration it tells the chosen port.
func (h *Host) Addr() string {
	data, _ := h.servers.listeners()
	if data == nil {
		return ""
	}
	return data.Addr().String()
}

// AdminAddr is the address of the admin API in the form of the configuration, ""
// before Start or if it is off.
func (h *Host) AdminAddr() string {
	_, l := h.servers.listeners()
	switch {
	case l == nil:
		return ""
	case l.Addr().Network() == "unix":
		return "unix:" + l.Addr().String()
	default:
		return l.Addr().String()
	}
}

// Handler answers HTTP without a listener of the host's: for one endpoint POST
// /{operation}, or, if endpointID is empty, the whole data plane. Mount it below
// a path with [http.StripPrefix]. An id that does not exist is answered with
// 404, since endpoints come and go.
func (h *Host) Handler(endpointID string) http.Handler {
	server := h.state.Load().config.Server
	opts := api.Options{
		MaxBodyBytes: server.MaxBodyBytes, Bodies: h.bodies, Metrics: h.metrics.Handler(), Log: h.log,
		ForwardHeaders: func() []api.ForwardHeader { return h.state.Load().forward },
		TenantBy:       server.TenantBy, PriorityHeader: server.PriorityHeader, CallerHeaders: h.sticky,
	}
	if endpointID == "" {
		return api.New(core{h}, opts)
	}
	return api.Endpoint(core{h}, endpointID, opts)
}
