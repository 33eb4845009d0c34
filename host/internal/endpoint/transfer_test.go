package endpoint

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// fakeBody is a fake of a transfer's answer: pieces, each after a pause, then
// the error.
type fakeBody struct {
	ctx    context.Context
	after  []time.Duration
	err    error
	resp   *provider.TransferResponse
	closed bool
}

func (b *fakeBody) Read(p []byte) (int, error) {
	if len(b.after) == 0 {
		if errors.Is(b.err, io.EOF) {
			b.resp.Finish = &provider.Finish{Usage: &provider.Usage{Total: 11}}
		}
		return 0, b.err
	}
	d := b.after[0]
	b.after = b.after[1:]
	select {
	case <-time.After(d):
		return copy(p, "x"), nil
	case <-b.ctx.Done():
		return 0, provider.AsError(b.ctx.Err())
	}
}

func (b *fakeBody) Close() error {
	b.closed = true
	return nil
}

func transfers(body func() *fakeBody) *fake {
	f := &fake{}
	f.transfer = func(ctx context.Context, _ *provider.TransferRequest) (*provider.TransferResponse, error) {
		b := body()
		b.ctx, b.resp = ctx, &provider.TransferResponse{Body: b}
		return b.resp, nil
	}
	return f
}

func download() *provider.TransferRequest {
	return &provider.TransferRequest{Request: provider.Request{Operation: "files.get", RequestID: "id-2"}}
}

func TestATransferKeepsItsSlotUntilItsBodyEnds(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		body := &fakeBody{after: []time.Duration{time.Second, time.Second}, err: io.EOF}
		e, o := build(steady(), transfers(func() *fakeBody { return body }))
		resp, report, err := e.Transfer(t.Context(), download(), How{})
		if err != nil || report.Attempts != 1 {
			t.Fatalf("%v, %+v", err, report)
		}
		if st := e.Stats(); st.InFlight != 1 {
			t.Errorf("stats at the head: %+v", st)
		}
		got, err := io.ReadAll(resp.Body)
		if string(got) != "xx" || err != nil || resp.Finish == nil {
			t.Errorf("read %q, %v, finish %v", got, err, resp.Finish)
		}
		if _, err := resp.Body.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("after the end: %v, want EOF", err)
		}
		if err := resp.Body.Close(); err != nil || !body.closed {
			t.Errorf("close: %v, passed on: %v", err, body.closed)
		}
		st := wantQuiet(t, e)
		if st.Success != 1 || st.Tokens.Total != 11 || st.Latency.Max != 2 || len(o.outcomes()) != 1 {
			t.Errorf("stats %+v", st)
		}
	})
}

func TestATransferEndsByErrorIdleTimeCancelOrClose(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		body     fakeBody
		cancel   time.Duration
		want     provider.Code
		failures int
	}{
		{"error", fakeBody{err: upstreamError()}, 0, provider.CodeUpstream, 1},
		{"idle", fakeBody{after: []time.Duration{time.Second, time.Minute}}, 0, provider.CodeTimeout, 1},
		{"cancel", fakeBody{after: []time.Duration{5 * time.Second}}, time.Second, provider.CodeCanceled, 0},
	} {
		bubble(t, func(t *testing.T) {
			policy := steady()
			policy.IdleTimeout = 10 * time.Second
			e, _ := build(policy, transfers(func() *fakeBody { return &c.body }))
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			resp, _, err := e.Transfer(ctx, download(), How{})
			if err != nil {
				t.Fatal(err)
			}
			if c.cancel > 0 {
				time.AfterFunc(c.cancel, cancel)
			}
			_, err = io.ReadAll(resp.Body)
			wantCode(t, err, c.want)
			if c.want == provider.CodeTimeout && !strings.Contains(err.Error(), "idle_timeout of 10s passed without data") {
				t.Errorf("%s: %v", c.name, err)
			}
			if _, again := resp.Body.Read(make([]byte, 1)); !errors.Is(again, err) {
				t.Errorf("%s: then %v, want the same error", c.name, again)
			}
			_ = resp.Body.Close()
			if st := wantQuiet(t, e); st.Circuit.Failures != c.failures {
				t.Errorf("%s: stats %+v", c.name, st)
			}
		})
	}
	bubble(t, func(t *testing.T) {
		e, _ := build(steady(), transfers(func() *fakeBody { return &fakeBody{after: []time.Duration{time.Hour}} }))
		resp, _, err := e.Transfer(t.Context(), download(), How{})
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		synctest.Wait()
		if st := wantQuiet(t, e); st.Canceled != 1 || st.Circuit.Total != 0 {
			t.Errorf("close: stats %+v", st)
		}
	})
}

func TestAStreamedUploadIsRepeatedOnlyIfNothingOfItWasRead(t *testing.T) {
	t.Parallel()
	for _, reads := range []bool{false, true} {
		bubble(t, func(t *testing.T) {
			f := &fake{}
			var late io.Reader
			f.transfer = func(_ context.Context, req *provider.TransferRequest) (*provider.TransferResponse, error) {
				if req.Attempt == 1 {
					late = req.Data
					if reads {
						_, _ = req.Data.Read(make([]byte, 1))
					}
					return nil, upstreamError()
				}
				if n, err := late.Read(make([]byte, 1)); n != 0 || err == nil {
					t.Error("an attempt that is over still reads the upload")
				}
				got, err := io.ReadAll(req.Data)
				if string(got) != "payload" || err != nil || req.DataType != "text/plain" || req.DataLength != 7 {
					t.Errorf("the second attempt was sent %q (%v) as %s", got, err, req.DataType)
				}
				return &provider.TransferResponse{Body: io.NopCloser(strings.NewReader("ok"))}, nil
			}
			e, _ := build(steady(), f)
			req := download()
			req.Data, req.DataType, req.DataLength = struct{ io.Reader }{strings.NewReader("payload")}, "text/plain", 7
			resp, report, err := e.Transfer(t.Context(), req, How{})
			if reads {
				wantCode(t, err, provider.CodeUpstream)
				if report.Attempts != 1 {
					t.Errorf("%d attempts although data was read", report.Attempts)
				}
			} else if err != nil || report.Attempts != 2 {
				t.Errorf("%v after %d attempts, want success after 2", err, report.Attempts)
			} else {
				_ = resp.Body.Close()
			}
			wantQuiet(t, e)
		})
	}
}

func TestAnUploadInMemoryIsSentAgainFromItsStart(t *testing.T) {
	t.Parallel()
	for _, unsafe := range []bool{false, true} {
		bubble(t, func(t *testing.T) {
			f := &fake{}
			f.transfer = func(_ context.Context, req *provider.TransferRequest) (*provider.TransferResponse, error) {
				got, err := io.ReadAll(req.Data)
				if string(got) != "payload" || err != nil {
					t.Errorf("attempt %d was sent %q, %v", req.Attempt, got, err)
				}
				if req.Attempt == 1 {
					return nil, upstreamError()
				}
				return &provider.TransferResponse{Body: io.NopCloser(strings.NewReader("ok"))}, nil
			}
			e, _ := build(steady(), f)
			req := download()
			if unsafe {
				req.Operation = "files.upload"
			}
			data := strings.NewReader("read payload")
			_, _ = io.CopyN(io.Discard, data, 5) // what the caller has taken is not sent
			req.Data, req.DataLength = data, 7
			resp, report, err := e.Transfer(t.Context(), req, How{})
			if unsafe {
				wantCode(t, err, provider.CodeUpstream)
				if report.Attempts != 1 {
					t.Errorf("an unsafe upload was sent %d times", report.Attempts)
				}
			} else if err != nil || report.Attempts != 2 {
				t.Errorf("%v after %d attempts, want success after 2", err, report.Attempts)
			} else {
				_ = resp.Body.Close()
			}
			wantQuiet(t, e)
		})
	}
}

func TestUploadsInMemoryCountInTheQueue(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		policy := steady()
		policy.Queue.MaxConcurrent, policy.Queue.MaxBytes = 1, 10
		e, _ := build(policy, transfers(func() *fakeBody { return &fakeBody{after: []time.Duration{time.Hour}} }))
		running, _, err := e.Transfer(t.Context(), download(), How{})
		if err != nil {
			t.Fatal(err)
		}
		req := download()
		req.Data, req.DataLength = strings.NewReader("eleven byte"), 11
		_, _, err = e.Transfer(t.Context(), req, How{})
		wantCode(t, err, provider.CodeQueueFull)
		_ = running.Body.Close()
		synctest.Wait()
		wantQuiet(t, e)
	})
}

func TestTheUploadGoesOnWhileTheAnswerIsRead(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		f := &fake{}
		f.transfer = func(_ context.Context, req *provider.TransferRequest) (*provider.TransferResponse, error) {
			return &provider.TransferResponse{Body: io.NopCloser(req.Data)}, nil // echoes as it reads
		}
		e, _ := build(steady(), f)
		req := download()
		req.Data = strings.NewReader("payload")
		resp, _, err := e.Transfer(t.Context(), req, How{})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(resp.Body); string(got) != "payload" || err != nil {
			t.Errorf("read %q, %v", got, err)
		}
		wantQuiet(t, e)
	})
}

func TestATransferWithoutAHeadTimesOut(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		policy := steady()
		policy.Retry.Max, policy.FirstTokenTimeout = 0, time.Second // which is for streams
		f := &fake{transfer: func(ctx context.Context, _ *provider.TransferRequest) (*provider.TransferResponse, error) {
			_, err := hang(ctx, nil)
			return nil, err
		}}
		e, _ := build(policy, f)
		_, _, err := e.Transfer(t.Context(), download(), How{})
		if got := wantCode(t, err, provider.CodeTimeout); got.Message != "timeout of 1m passed without data" {
			t.Errorf("%q", got.Message)
		}
		f.transfer = func(context.Context, *provider.TransferRequest) (*provider.TransferResponse, error) { panic("boom") }
		_, _, err = e.Transfer(t.Context(), download(), How{})
		wantCode(t, err, provider.CodeInternal)
		wantQuiet(t, e)
	})
}
