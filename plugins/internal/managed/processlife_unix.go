//go:build unix

package managed

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// process is a local process, seen through its keeper. It implements [instance].
type process struct {
	claim  *claim
	client *http.Client
	pid    int
	found  bool // it ran already

	gone   chan struct{}
	leave  context.CancelFunc // ends the watch
	mu     sync.Mutex
	ending ending
}

func newProcess(c *claim) *process {
	socket := c.path(".sock")
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}
	return &process{claim: c, client: &http.Client{Transport: &http.Transport{DialContext: dial}}, gone: make(chan struct{})}
}

// watch waits for the server's end.
func (p *process) watch(state kept) {
	p.pid = state.PID
	ctx, leave := context.WithCancel(context.Background())
	p.leave = leave
	go func() {
		defer close(p.gone)
		defer p.client.CloseIdleConnections()
		state, err := p.ask(ctx, http.MethodGet, "/wait")
		p.mu.Lock()
		defer p.mu.Unlock()
		p.ending = ending{text: state.Exited, asked: state.Asked}
		if err != nil && ctx.Err() == nil {
			// The kernel ended the server, but not what it had started.
			_ = syscall.Kill(-p.pid, syscall.SIGKILL)
			p.ending.text = "ended with its keeper"
		}
	}()
}

// ask asks the keeper.
func (p *process) ask(ctx context.Context, method, path string) (kept, error) {
	var state kept
	return state, p.get(ctx, method, path, &state)
}

func (p *process) get(ctx context.Context, method, path string, v any) error {
	req, err := http.NewRequestWithContext(ctx, method, "http://keeper"+path, nil)
	if err != nil {
		return err
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }() // it was only read
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return err
	}
	return json.Unmarshal(data, v)
}

// maxAnswer bounds what a keeper says: all lines, each as long as can be.
const maxAnswer = 2 * ringLines * longestLine

func (p *process) ended() <-chan struct{} { return p.gone }

func (p *process) how() ending {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ending
}

func (p *process) logs(ctx context.Context, n int) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	var answer said
	err := p.get(ctx, http.MethodGet, "/logs?lines="+strconv.Itoa(n), &answer)
	return answer.Lines, err
}

func (p *process) stop(ctx context.Context) error {
	_, err := p.ask(ctx, http.MethodPost, "/stop?asked=1")
	select {
	case <-p.gone: // it had ended, or has now
		p.release()
		return nil
	default:
	}
	if err != nil {
		return err
	}
	select {
	case <-p.gone:
	case <-time.After(probeTimeout):
		return errors.New("its keeper says that it ended, and does not end")
	}
	p.release()
	return nil
}

// release gives the lease back; the keeper ends the server if it was the last.
func (p *process) release() {
	p.leave()
	<-p.gone
	p.claim.lease.release()
	ctx, cancel := context.WithTimeout(context.Background(), leaveTime)
	defer cancel()
	_, _ = p.ask(ctx, http.MethodPost, "/release") // a keeper that does not hear it waits a little
	p.client.CloseIdleConnections()
}

func (p *process) facts(s *Status) { s.PID, s.Found = p.pid, p.found }
