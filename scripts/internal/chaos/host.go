//go:build linux

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// host is one process of `backplane serve`.
type host struct {
	*control
	cmd    *exec.Cmd
	base   string // of the data plane: http://...
	exited chan struct{}
	err    error // of the exit; read once exited is closed
}

// startWait bounds a start of the host, stopWait its stop: longer than its own
// bounds.
const (
	startWait = 60 * time.Second
	stopWait  = 60 * time.Second
)

// startHost starts a host and returns once it is ready. Its log is added to the
// file host.log.
func (w *world) startHost(ctx context.Context) (*host, error) {
	log, err := os.OpenFile(filepath.Join(w.dir, "host.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close() //nolint:errcheck // the host has a copy
	cmd := exec.Command(filepath.Join(w.bin, "backplane"), "serve", "-config", w.config())
	cmd.Env = append(os.Environ(), "TMPDIR="+w.tmp(), "OPENAI_BASE_URL=", "OPENAI_API_KEY=")
	cmd.Stderr = log
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("%w; run scripts/build first", err)
	}
	h := &host{control: newControl(w.socket()), cmd: cmd, exited: make(chan struct{})}
	ready := make(chan string, 1)
	go h.watch(stdout, ready)
	if err := h.awaitReady(ctx, ready); err != nil {
		return nil, fmt.Errorf("%w; its log is %s", err, log.Name())
	}
	return h, nil
}

// watch reads what the host prints, and reaps it.
func (h *host) watch(stdout io.Reader, ready chan<- string) {
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		switch {
		case len(fields) == 2 && fields[0] == "HTTP":
			h.base = fields[1]
		case len(fields) > 0 && strings.HasPrefix(fields[0], "ready"):
			ready <- strings.TrimSpace(lines.Text())
		}
	}
	h.err = h.cmd.Wait()
	close(h.exited)
}

// awaitReady waits for a host that has all its providers. One that has not is
// ended.
func (h *host) awaitReady(ctx context.Context, ready <-chan string) error {
	select {
	case line := <-ready:
		if strings.HasPrefix(line, "ready;") {
			return nil
		}
		_ = h.stop()
		return fmt.Errorf("the host is %q", line)
	case <-h.exited:
		return fmt.Errorf("the host ended at its start: %w", h.err)
	case <-time.After(startWait):
	case <-ctx.Done():
	}
	_ = h.cmd.Process.Kill() // nothing else would help
	<-h.exited
	return errors.New("the host did not become ready")
}

// stop asks the host to end and waits for it.
func (h *host) stop() error {
	if err := h.cmd.Process.Signal(os.Interrupt); err != nil {
		return fmt.Errorf("the host had ended already: %w", err)
	}
	return h.await()
}

// await waits for the end of the host, and kills one that takes too long.
func (h *host) await() error {
	select {
	case <-h.exited:
		return h.err
	case <-time.After(stopWait):
		_ = h.cmd.Process.Kill()
		<-h.exited
		return fmt.Errorf("the host did not end within %v", stopWait)
	}
}
