package host

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/host/config"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// movesOn are the codes with which a request goes to another endpoint although a
// service was asked.
var movesOn = []provider.Code{
	provider.CodeRateLimit, provider.CodeOverloaded, provider.CodeUpstream, provider.CodeUnreachable, provider.CodeTimeout,
	provider.CodeProtocol, provider.CodePluginUnavailable, provider.CodeQuota,
	provider.CodeQueueFull, provider.CodeCircuitOpen, provider.CodeShutdown, // a plugin's own
}

func TestTheFallbackMatrix(t *testing.T) {
	t.Parallel()
	for _, code := range provider.Codes() {
		if code == provider.CodeCanceled { // see TestACallerWhoLeavesIsNotFollowed
			continue
		}
		for _, at := range []string{"call", "before the first chunk", "after the first chunk", "transfer"} {
			t.Run(string(code)+" "+at, func(t *testing.T) {
				t.Parallel()
				bubble(t, func(t *testing.T) {
					failing := reply{after: time.Second, err: upstream(code)}
					if at == "after the first chunk" {
						failing = reply{after: time.Second, broken: upstream(code)}
					}
					a, b := always(failing), always(reply{})
					h := world(ordered(), part{id: "a", service: a}, part{id: "b", service: b})
					err := ask(t.Context(), h, at)
					want := slices.Contains(movesOn, code) && at != "after the first chunk"
					switch calls, _ := b.count(); {
					case want && (err != nil || calls != 1):
						t.Errorf("the other endpoint was asked %d times: %v", calls, err)
					case !want && (calls != 0 || provider.AsError(err).Code != code):
						t.Errorf("the other endpoint was asked %d times, the caller got %v", calls, err)
					}
					wantQuiet(t, h, a, b)
				})
			})
		}
	}
}

// ask makes a request of the mode that at says, to its end.
func ask(ctx context.Context, h *Host, at string) error {
	switch at {
	case "call":
		_, err := h.Call(ctx, chatRequest())
		return err
	case "batch":
		req := chatRequest()
		req.Operation = "batch"
		_, err := h.Call(ctx, req)
		return err
	case "transfer":
		req := chatRequest()
		req.Operation = "speech"
		resp, err := h.Transfer(ctx, &provider.TransferRequest{Request: *req})
		if err != nil {
			return err
		}
		_, err = io.ReadAll(resp.Body)
		return errors.Join(err, resp.Body.Close())
	default:
		s, err := h.Stream(ctx, chatRequest())
		if err != nil {
			return err
		}
		return finish(s)
	}
}

func TestACallerWhoLeavesIsNotFollowed(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		a, b := always(reply{after: time.Hour}), always(reply{})
		h := world(ordered(), part{id: "a", service: a}, part{id: "b", service: b})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := ask(ctx, h, "call"); provider.AsError(err).Code != provider.CodeTimeout {
			t.Errorf("got %v", err)
		}
		if calls, _ := b.count(); calls != 0 || h.ep("b").Stats().Requests != 0 {
			t.Error("the other endpoint was asked for nobody")
		}
		wantQuiet(t, h, a, b)
	})
}

func TestEveryRefusalMovesOn(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(p *part) (then func(h *Host)){
		"no plugin":   func(p *part) func(*Host) { p.missing = errors.New("no such file"); return nil },
		"not offered": func(p *part) func(*Host) { p.offers = operations[1:]; return nil },
		"closing":     func(*part) func(*Host) { return func(h *Host) { h.ep("a").Close() } },
		"refused by it": func(*part) func(*Host) {
			return func(h *Host) { h.state.Load().endpoints["a"].refused.Store(upstream(provider.CodePluginUnavailable)) }
		},
		"an open circuit": func(p *part) func(*Host) {
			p.policy = func(c *config.Policy) { c.Breaker.ConsecutiveFailures = 1 }
			p.service = always(reply{err: upstream(provider.CodeUpstream)})
			return func(h *Host) { _, _ = h.Call(context.Background(), &provider.Request{Operation: "chat", Model: "a"}) }
		},
		"a full queue": func(p *part) func(*Host) {
			p.policy = func(c *config.Policy) { c.Queue.MaxConcurrent, c.Queue.Size = 1, 0 }
			p.service = always(reply{after: time.Minute})
			return func(h *Host) {
				go func() { _, _ = h.Call(context.Background(), &provider.Request{Operation: "chat", Model: "a"}) }()
				time.Sleep(time.Millisecond)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				a, b := part{id: "a", service: always(reply{})}, part{id: "b", service: always(reply{})}
				then := prepare(&a)
				h := world(ordered(), a, b)
				if then != nil {
					then(h)
				}
				before, _ := a.service.count()
				for _, unsafe := range []bool{false, true} {
					req := chatRequest()
					if unsafe {
						req.Operation = "batch"
					}
					if unsafe && name == "not offered" {
						continue
					}
					if _, report, err := h.call(t.Context(), req); err != nil || report.Endpoint != "b" {
						t.Errorf("unsafe %v: from %q, %v", unsafe, report.Endpoint, err)
					}
				}
				if after, _ := a.service.count(); after != before {
					t.Error("it was asked all the same")
				}
			})
		})
	}
}

func TestARequestsDeadlineCoversAllEndpoints(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		slow := func(timeout, attempt time.Duration) func(*config.Policy) {
			return func(p *config.Policy) { p.Timeout, p.AttemptTimeout = timeout, attempt }
		}
		hang := reply{after: time.Hour}
		a, b, c, d := always(hang), always(hang), always(hang), always(hang)
		h := world(ordered(),
			part{id: "a", service: a, policy: slow(10*time.Second, 4*time.Second)},
			part{id: "b", service: b, policy: slow(10*time.Second, 0)},
			part{id: "c", service: c, policy: slow(10*time.Second, time.Second)},
			part{id: "d", service: d, policy: slow(15*time.Second, 0)})
		start := time.Now()
		_, report, err := h.call(t.Context(), chatRequest())
		if e := provider.AsError(err); e.Code != provider.CodeTimeout || time.Since(start) != 15*time.Second || report.Total != 15*time.Second {
			t.Errorf("after %v (%v): %v", time.Since(start), report.Total, err)
		}
		for i, want := range []int{1, 1, 0, 1} { // c has no time left when it is its turn
			calls, _ := []*service{a, b, c, d}[i].count()
			if counted := h.ep(string(rune('a' + i))).Stats().Requests; calls != want || int(counted) != want {
				t.Errorf("endpoint %d was asked %d times and counts %d, want %d", i, calls, counted, want)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		start = time.Now()
		if _, _, err := h.call(ctx, chatRequest()); provider.AsError(err).Code != provider.CodeTimeout || time.Since(start) != 5*time.Second {
			t.Errorf("the caller's own deadline: after %v, %v", time.Since(start), err)
		}
	})
}

func TestWhatMustNotBeDoneTwiceStays(t *testing.T) {
	t.Parallel()
	unreachable := &provider.Error{Code: provider.CodeUnreachable, Source: provider.SourcePlugin, Message: "refused", Retry: provider.RetryAlways}
	for _, tt := range []struct {
		name string
		err  error
		want int // calls of the other endpoint
	}{
		{"the service failed", upstream(provider.CodeUpstream), 0},
		{"the plugin vouches that nothing was sent", unreachable, 1},
	} {
		bubble(t, func(t *testing.T) {
			a, b := always(reply{err: tt.err}), always(reply{})
			h := world(ordered(), part{id: "a", service: a}, part{id: "b", service: b})
			req := chatRequest()
			req.Operation = "batch"
			_, err := h.Call(t.Context(), req)
			if calls, _ := b.count(); calls != tt.want || (err == nil) != (tt.want == 1) {
				t.Errorf("%s: the other was asked %d times, %v", tt.name, calls, err)
			}
		})
	}
}

func TestAnUploadThatWasReadIsNotSentElsewhere(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		data  func() (io.Reader, int64)
		reads bool
		want  int // calls of the other endpoint
	}{
		{"in memory", func() (io.Reader, int64) { return bytes.NewReader([]byte("upload")), 6 }, true, 1},
		{"as it arrives, read", func() (io.Reader, int64) { return io.MultiReader(strings.NewReader("upload")), 6 }, true, 0},
		{"as it arrives, not read", func() (io.Reader, int64) { return io.MultiReader(strings.NewReader("upload")), 6 }, false, 1},
		{"none", func() (io.Reader, int64) { return nil, 0 }, true, 1},
	} {
		bubble(t, func(t *testing.T) {
			a, b := always(reply{err: upstream(provider.CodeUpstream)}), always(reply{})
			a.reads, b.reads = tt.reads, true
			h := world(ordered(), part{id: "a", service: a}, part{id: "b", service: b})
			req := &provider.TransferRequest{Request: *chatRequest()}
			req.Operation = "speech"
			req.Data, req.DataLength = tt.data()
			resp, err := h.Transfer(t.Context(), req)
			if err == nil {
				_ = resp.Body.Close()
			}
			if calls, _ := b.count(); calls != tt.want || (err == nil) != (tt.want == 1) {
				t.Errorf("%s: the other was asked %d times, %v", tt.name, calls, err)
			}
			wantQuiet(t, h, a, b)
		})
	}
}
