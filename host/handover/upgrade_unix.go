//go:build unix

package handover

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Start starts a successor with the sockets and waits until it says that it is
// ready. Then the sockets are the successor's too, and no file of a unix socket is
// removed when they are closed here. On an error, and when ctx or the timeout
// ends first, the successor is killed, and nothing has changed here.
func Start(ctx context.Context, cmd *exec.Cmd, sockets []Socket, timeout time.Duration) error {
	files, err := duplicates(sockets)
	defer closeAll(files)
	if err != nil {
		return err
	}
	readyR, readyW, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("start the successor: %w", err)
	}
	defer func() { _ = readyR.Close() }() // only read
	parts := make([]string, len(sockets))
	for i, s := range sockets {
		parts[i] = s.Role + "=" + s.Address
	}
	cmd.ExtraFiles = append(files, readyW)
	cmd.Env = append(cmd.Environ(), socketsEnv+"="+strings.Join(parts, ","), readyEnv+"="+strconv.Itoa(firstFile+len(files)))
	err = cmd.Start()
	_ = readyW.Close()        // the successor's now
	for _, f := range files { // starting a process makes them, and so ours, wait in the kernel
		_ = syscall.SetNonblock(int(f.Fd()), true) // the descriptor is open
	}
	if err != nil {
		return fmt.Errorf("start the successor: %w", err)
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	if err := await(ctx, readyR, exited, timeout); err != nil {
		_ = cmd.Process.Kill() // fails only if it has ended
		return fmt.Errorf("the successor (pid %d) did not become ready: %w", cmd.Process.Pid, err)
	}
	for _, s := range sockets {
		if u, ok := s.Listener.(*net.UnixListener); ok {
			u.SetUnlinkOnClose(false)
		}
	}
	return nil
}

// await waits for the successor's word.
func await(ctx context.Context, ready *os.File, exited <-chan error, timeout time.Duration) error {
	said := make(chan bool, 1)
	go func() {
		n, _ := ready.Read(make([]byte, 1))
		said <- n == 1
	}()
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case ok := <-said:
		if ok {
			return nil
		}
	case <-timer.C:
		return fmt.Errorf("not within %v", timeout)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	// It closed the pipe without a word: how it ended says more.
	select {
	case err := <-exited:
		if err == nil {
			err = errors.New("exit status 0")
		}
		return fmt.Errorf("it ended: %w", err)
	case <-timer.C:
		return fmt.Errorf("not within %v", timeout)
	}
}

// duplicates are copies of the sockets' descriptors.
func duplicates(sockets []Socket) ([]*os.File, error) {
	var files []*os.File
	for _, s := range sockets {
		l, ok := s.Listener.(interface{ File() (*os.File, error) })
		if !ok {
			return files, fmt.Errorf("the socket %s is a %T, which cannot be handed over", s.Role, s.Listener)
		}
		f, err := l.File()
		if err != nil {
			return files, fmt.Errorf("hand over the socket %s: %w", s.Role, err)
		}
		files = append(files, f)
	}
	return files, nil
}

func closeAll(files []*os.File) {
	for _, f := range files {
		_ = f.Close() // only copies
	}
}
