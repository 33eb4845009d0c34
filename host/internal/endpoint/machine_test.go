package endpoint

import (
	"context"
	"io"
	"math/rand/v2"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/backplane-dev/backplane/host/config"
	"github.com/backplane-dev/backplane/host/internal/caller"
	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// What can happen to an endpoint. Each word of the service is its mood from then
// on.
var happenings = []string{
	"ask", "ask", "ask", "ask", "ask", "works", "works", "fails", "limits", "limits by header", "refuses", "is out of money", "breaks", "panics", "mixed", "mixed",
	"leave", "resize", "configure", "open", "close", "wait", "wait", "shut down",
}

// The whole chain: whatever service, callers and operator do, each request ends in
// exactly one answer, for a reason, is sent as often as the policy allows and
// never twice at once, and nothing is left behind: a goroutine would be a
// deadlock of the bubble.
func TestWhateverHappensEachRequestEndsInOneAnswer(t *testing.T) {
	t.Parallel()
	requests := 10_000 / slower // times a hundred worlds
	if testing.Short() {
		requests /= 20
	}
	total, ends := 0, make(map[provider.Code]uint64)
	rapid.Check(t, func(rt *rapid.T) {
		script := rapid.SliceOfN(rapid.SampledFrom(happenings), 20, 60).Draw(rt, "script")
		seed := rapid.Uint64().Draw(rt, "seed")
		var fault string
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(seed, requests)
			w.play(t, script)
			fault = w.fault
			total += len(w.all)
			for code, n := range w.ends {
				ends[code] += n
			}
			time.Sleep(time.Hour) // longer than any timer
		})
		if fault != "" {
			rt.Fatal(fault)
		}
	})
	t.Logf("%d requests ended as %v", total, ends)
	if total < 50_000 {
		return
	}
	for _, code := range []provider.Code{
		"", provider.CodeCanceled, provider.CodeShutdown, provider.CodeQuota, provider.CodeInternal, provider.CodeCircuitOpen,
		provider.CodeUpstream, provider.CodeRateLimit, provider.CodeInvalidRequest, provider.CodePluginUnavailable,
		provider.CodeTimeout, provider.CodeQueueFull,
	} {
		if ends[code] < 10 {
			t.Errorf("only %d requests ended as %q, which shows little", ends[code], code)
		}
	}
}

func newWorld(seed uint64, requests int) *world {
	w := &world{
		rnd: rand.New(rand.NewPCG(seed, 1)), mood: "works", retries: 2,
		ends: make(map[provider.Code]uint64), seen: make(map[string]bool),
		all: make([]*asked, 0, requests),
	}
	policy := w.policy()
	w.limit = policy.Queue.MaxConcurrent
	w.allowed = w.limit
	w.e = New(Config{ID: "e", Provider: "fake", Model: "m", Manifest: manifest(), HasKey: true, Policy: policy, Backend: w, Observer: w})
	return w
}

// policy draws a policy.
func (w *world) policy() config.Policy {
	p := config.DefaultPolicy()
	p.Timeout, p.IdleTimeout, p.AttemptTimeout = 20*time.Second, 5*time.Second, 2500*time.Millisecond
	p.FirstTokenTimeout = time.Duration(w.rnd.IntN(2)) * 2 * time.Second
	p.Queue.MaxConcurrent, p.Queue.Size = 1+w.rnd.IntN(400), w.rnd.IntN(1500)
	p.Queue.Overload = []string{config.OverloadCoDel, config.OverloadNone}[w.rnd.IntN(2)]
	p.Queue.Enabled = w.rnd.IntN(8) > 0
	p.Retry.Max, p.Retry.InitialDelay = w.retries, 500*time.Millisecond
	p.Breaker.OpenFor, p.Breaker.MaxOpen, p.Breaker.Probes = time.Second, 4*time.Second, 1+w.rnd.IntN(3)
	p.Breaker.WhenOpen = []string{config.WhenOpenReject, config.WhenOpenHold}[w.rnd.IntN(2)]
	p.Breaker.ConsecutiveFailures = w.rnd.IntN(2) * 5
	p.Limits.QuotaCooldown = time.Duration(w.rnd.IntN(5)) * time.Second
	p.Limits.RequestsPerMinute = max(w.rnd.IntN(4)-2, 0) * 30_000
	return p
}

// play lets everything happen, and then waits for the last answer.
func (w *world) play(t *testing.T, script []string) {
	asks := 1
	for _, what := range script {
		if what == "ask" {
			asks++
		}
	}
	crowd := cap(w.all) / asks
	for i, what := range script {
		synctest.Wait() // all that were granted a slot have begun
		if what == "shut down" && i < len(script)*3/4 {
			continue // else little would happen
		}
		w.happen(t, what, crowd)
	}
	w.ask(t, cap(w.all)-len(w.all))
	time.Sleep(time.Minute)
	w.e.Close()
	w.wg.Wait()
	synctest.Wait() // streams are closed by others
	w.count()
}

func (w *world) happen(t *testing.T, what string, crowd int) {
	switch what {
	case "ask":
		w.ask(t, crowd)
		time.Sleep(w.some(2 * time.Second))
	case "leave":
		for range crowd / 4 {
			if len(w.all) > 0 {
				w.all[w.dice(len(w.all))].left.Store(true)
			}
		}
	case "resize", "configure":
		w.reconfigure(what)
	case "open":
		w.note("opened")
		w.e.OpenCircuit("by the operator", w.some(3*time.Second))
	case "close":
		w.e.CloseCircuit("by the operator")
	case "wait":
		time.Sleep(w.some(5 * time.Second))
	case "shut down":
		w.note("closed")
		w.e.Close()
	default:
		w.mu.Lock()
		w.mood = what
		w.mu.Unlock()
	}
}

func (w *world) note(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen[what] = true
}

// reconfigure changes one or all figures. All slots that were granted are in use
// now, so that what is allowed is known.
func (w *world) reconfigure(what string) {
	w.mu.Lock()
	policy := w.e.settings.Load().policy
	if what == "configure" {
		policy = w.policy()
	} else {
		policy.Queue.MaxConcurrent, policy.Queue.Size = 1+w.rnd.IntN(400), w.rnd.IntN(1500)
	}
	w.limit = policy.Queue.MaxConcurrent
	w.allowed = max(w.limit, w.running)
	w.mu.Unlock()
	w.e.Reconfigure(policy, "m", 1)
}

// ask sends n requests, all at once.
func (w *world) ask(t *testing.T, n int) {
	for range n {
		w.mu.Lock()
		a := &asked{id: len(w.all)}
		w.all = append(w.all, a)
		kind, patience := w.rnd.IntN(10), w.rnd.IntN(20)
		who := &caller.Caller{Tenant: strconv.Itoa(w.rnd.IntN(3)), Priority: caller.Priority(w.rnd.IntN(3) - 1)}
		w.mu.Unlock()
		w.wg.Go(func() {
			ctx, cancel := context.WithCancel(caller.With(t.Context(), who))
			defer cancel()
			if patience < 3 {
				defer time.AfterFunc(w.some(8*time.Second), func() { a.left.Store(true); cancel() }).Stop()
			}
			report, err := w.send(ctx, a, kind)
			w.ended(a, report, err)
		})
	}
}

// send makes one request of any kind and takes its answer to the end.
func (w *world) send(ctx context.Context, a *asked, kind int) (status.Report, error) {
	req := &provider.Request{Operation: "chat", Model: "m", RequestID: strconv.Itoa(a.id), Body: []byte(`{"max_tokens": 10}`)}
	switch {
	case kind == 0:
		req.Credential = provider.NewSecret("own")
	case kind < 4:
		s, report, err := w.e.Stream(ctx, req, How{})
		if err == nil {
			err = w.read(s, a)
		}
		return report, err
	case kind == 4:
		req.Operation = "files.get"
		resp, report, err := w.e.Transfer(ctx, &provider.TransferRequest{Request: *req}, How{})
		if err == nil {
			_, err = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
		}
		return report, err
	}
	_, report, err := w.e.Call(ctx, req, How{})
	return report, err
}

// read takes a stream's chunks; a caller who has left closes it.
func (w *world) read(s provider.EventStream, a *asked) error {
	defer s.Close()
	for {
		event, err := s.Next()
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		case event.Kind == provider.EventFinished: // too late to leave: the answer is whole
		case a.left.Load():
			s.Close()
			return &provider.Error{Code: provider.CodeCanceled}
		}
	}
}

// count compares what the callers have got with what the endpoint says.
func (w *world) count() {
	s := w.e.Stats()
	told := map[provider.Code]uint64{"": s.Success, provider.CodeCanceled: s.Canceled}
	for code, n := range s.ErrorsByCode {
		told[code] = n
	}
	n := uint64(len(w.all))
	switch {
	case s.Requests != n || s.Success+s.Errors+s.Canceled != n:
		w.wrong("%d requests: %d counted, %d + %d + %d ended", n, s.Requests, s.Success, s.Errors, s.Canceled)
	case s.InFlight != 0 || s.Queued != 0 || s.QueuedBytes != 0 || w.running != 0:
		w.wrong("%d slots and %d places (%d bytes) are taken, %d calls run", s.InFlight, s.Queued, s.QueuedBytes, w.running)
	case s.Circuit.State == status.CircuitHalfOpen && w.permits() != max(w.e.settings.Load().policy.Breaker.Probes, 1):
		w.wrong("permits were not given back")
	}
	for code := range told {
		if told[code] != w.ends[code] {
			w.wrong("%q: %d answers, %d counted", code, w.ends[code], told[code])
		}
	}
	for _, a := range w.all {
		if a.answers != 1 || a.outcomes != 1 {
			w.wrong("request %d has %d answers and %d outcomes", a.id, a.answers, a.outcomes)
		}
	}
}

// permits is how many probes the breaker allows at once.
func (w *world) permits() int {
	for n := 0; ; n++ {
		if _, err := w.e.breaker.Allow(); err != nil {
			return n
		}
	}
}
