//go:build unix

package managed

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// keeper runs one server until it ends, nobody needs it any more, or somebody
// asks it to stop.
type keeper struct {
	task task
	cmd  *exec.Cmd
	log  ring

	lease *lock // kept until the end

	mu    sync.Mutex
	state kept
	ended chan struct{} // closed once the server and all that it started are gone
	over  chan struct{} // closed once the keeper has no more to do
	quit  func()        // closes over
	end   func()        // ends the server, once
	// released is sent to by who gave its lease back in good order.
	released chan struct{}
}

// addressFile is the number of the inherited file whose lock says that the
// address is taken.
const addressFile = 3

// keep is the keeper's main function.
func keep(stdin io.Reader, stdout io.WriteCloser) int {
	// The kernel kills the server when the thread that started it ends; this one
	// lives as long as the process.
	runtime.LockOSThread()
	syscall.CloseOnExec(addressFile)
	k := &keeper{ended: make(chan struct{}), over: make(chan struct{}), released: make(chan struct{}, 1)}
	k.quit = sync.OnceFunc(func() { close(k.over) })
	k.end = sync.OnceFunc(k.terminate)
	if err := json.NewDecoder(stdin).Decode(&k.task); err != nil {
		return k.refuse(stdout, err)
	}
	listener, err := k.listen()
	if err != nil {
		return k.refuse(stdout, err)
	}
	if err := k.start(); err != nil {
		_ = listener.Close() // which removes the socket
		return k.refuse(stdout, err)
	}
	server := &http.Server{Handler: k.handler(), ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(listener) }() // it ends with Close
	go k.watchLease()
	go k.watchSignals()
	_, _ = stdout.Write(append(encode(k.snapshot()), '\n')) // whoever started this may be gone already
	_ = stdout.Close()
	<-k.over
	k.end()
	<-k.ended
	_ = listener.Close()
	_ = server.Close()
	return 0
}

// refuse says why there is nothing to keep.
func (k *keeper) refuse(stdout io.Writer, err error) int {
	missing := errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist)
	refused := kept{ID: k.task.ID, Error: err.Error(), Missing: missing, Denied: errors.Is(err, fs.ErrPermission)}
	_, _ = stdout.Write(append(encode(refused), '\n'))
	return 1
}

// listen opens the socket. Whoever starts a keeper holds the lock that says that
// there is no other one, so that a socket in its place is a dead one's.
func (k *keeper) listen() (net.Listener, error) {
	if err := os.Remove(k.task.Socket); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return net.Listen("unix", k.task.Socket)
}

func (k *keeper) start() error {
	out, in, err := os.Pipe()
	if err != nil {
		return err
	}
	k.cmd = exec.Command(k.task.Argv[0], k.task.Argv[1:]...)
	k.cmd.Env, k.cmd.Dir = k.task.Env, k.task.Directory
	k.cmd.Stdout, k.cmd.Stderr = in, in
	k.cmd.SysProcAttr = ownGroup()
	err = k.cmd.Start()
	_ = in.Close() // the server has its own
	if err != nil {
		_ = out.Close()
		return err
	}
	k.state = kept{ID: k.task.ID, PID: k.cmd.Process.Pid, Started: time.Now()}
	read := make(chan struct{})
	go func() {
		defer close(read)
		_, _ = io.Copy(&k.log, out) // an error is an end as well
	}()
	go k.wait(out, read)
	return nil
}

// lastWords is the time in which what the server printed last is still read.
const lastWords = 200 * time.Millisecond

// wait waits for the server's end, ends what it left behind and keeps its last
// words.
func (k *keeper) wait(out io.Closer, read <-chan struct{}) {
	err := k.cmd.Wait()
	_ = syscall.Kill(-k.cmd.Process.Pid, syscall.SIGKILL) // there may be nobody left
	select {
	case <-read:
	case <-time.After(lastWords):
	}
	_ = out.Close()
	<-read
	k.mu.Lock()
	k.state.Exited = exitText(k.cmd.ProcessState, err)
	k.mu.Unlock()
	close(k.ended)
}

// exitText says how a process ended.
func exitText(state *os.ProcessState, err error) string {
	if state == nil {
		return err.Error()
	}
	status, ok := state.Sys().(syscall.WaitStatus)
	if ok && status.Signaled() {
		text := "ended by the signal " + status.Signal().String()
		if status.Signal() == syscall.SIGKILL {
			text += ", as the kernel does when memory is used up"
		}
		return text
	}
	return "exit status " + strconv.Itoa(state.ExitCode())
}

// terminate asks the server to end, and kills it if it does not.
func (k *keeper) terminate() {
	select {
	case <-k.ended:
		return
	default:
	}
	group := -k.cmd.Process.Pid
	_ = syscall.Kill(group, syscall.SIGTERM) // it may have ended by now
	select {
	case <-k.ended:
	case <-time.After(k.task.StopTimeout):
		_ = syscall.Kill(group, syscall.SIGKILL)
		<-k.ended
	}
}

// crashGrace is the time in which a plugin that crashed can be started again and
// find its server, with the model loaded.
const crashGrace = 3 * time.Second

// watchLease ends the keeper once nobody has a lease on the server any more: at
// once if the last was given back, after a while if its holder died. The lease
// is the keeper's from then on, so that who comes next waits for its end.
func (k *keeper) watchLease() {
	defer k.quit()
	for {
		unused, err := awaitUnused(k.task.Lease)
		if err != nil {
			return
		}
		unused.release()
		select {
		case <-k.released:
		case <-time.After(crashGrace):
		}
		if last, err := tryLock(k.task.Lease, exclusive); last != nil || err != nil {
			k.lease = last
			return
		}
	}
}

// unused reports whether the lease that was given back was the last. Otherwise it
// says nothing of the end of the others, who may still crash. The watch has the
// lock for a moment itself.
func (k *keeper) unused(ctx context.Context) bool {
	for range 10 {
		l, err := tryLock(k.task.Lease, exclusive)
		if l != nil {
			l.release()
			return true
		}
		if err != nil || sleep(ctx, 5*time.Millisecond) != nil {
			return false
		}
	}
	return false
}

func (k *keeper) watchSignals() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	<-signals
	k.quit()
}

func (k *keeper) snapshot() kept {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.state
}

// handler is what the plugin's processes ask.
func (k *keeper) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /state", func(w http.ResponseWriter, _ *http.Request) { k.answer(w, k.snapshot()) })
	mux.HandleFunc("GET /logs", func(w http.ResponseWriter, r *http.Request) {
		n, _ := strconv.Atoi(r.FormValue("lines")) // 0 for no number
		k.answer(w, said{k.log.tail(n)})
	})
	mux.HandleFunc("GET /wait", func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-k.ended:
			k.answer(w, k.snapshot())
		case <-r.Context().Done():
		}
	})
	mux.HandleFunc("POST /release", func(w http.ResponseWriter, r *http.Request) {
		if k.unused(r.Context()) {
			select {
			case k.released <- struct{}{}:
			default:
			}
		}
		k.answer(w, k.snapshot())
	})
	mux.HandleFunc("POST /stop", func(w http.ResponseWriter, r *http.Request) {
		k.mu.Lock()
		k.state.Asked = k.state.Exited == "" && r.FormValue("asked") != ""
		k.mu.Unlock()
		k.end()
		<-k.ended
		k.answer(w, k.snapshot())
		time.AfterFunc(goodbye, k.quit)
	})
	return mux
}

// goodbye is the time in which the answers about the end are sent.
const goodbye = 100 * time.Millisecond

func (k *keeper) answer(w http.ResponseWriter, v any) {
	_, _ = w.Write(encode(v)) // a failure is seen by the reader
}
