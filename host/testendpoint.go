package host

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/eapache/go-resiliency/batcher"

	"github.com/backplane-dev/backplane/host/internal/api"
	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/provider"
)

const (
	// testWindow is the time in which those gather who share a test.
	testWindow = 20 * time.Millisecond
	// testLimit bounds a test where the endpoint's timeout does not.
	testLimit = time.Minute
)

// Test asks the endpoint's service whether it answers and accepts the key. It
// goes past queue, breaker and retries, and counts nowhere; the endpoint's
// timeout holds, and without one a minute. Who asks at the same moment, within
// some milliseconds, shares one test.
func (h *Host) Test(ctx context.Context, id string) error {
	_, err := h.test(ctx, id)
	return err
}

func (h *Host) test(ctx context.Context, id string) (status.Report, error) {
	e, err := h.entry(id)
	if err != nil {
		return status.Report{}, err
	}
	if err := e.unavailable(); err != nil {
		return e.testReport(), err
	}
	report, err := e.tests.ask(ctx)
	if report.RequestID == "" { // the caller left before there was one
		report = e.testReport()
	}
	return report, asError(err)
}

// tests gathers those who want an endpoint tested at the same moment.
type tests struct{ batch *batcher.Batcher }

// asker waits for the outcome of a test.
type asker struct {
	ctx  context.Context
	done chan struct{} // closed when report and err are set

	report status.Report
	err    error
}

// newTests makes the tests of an endpoint out of one. They are gathered by
// go-resiliency's batcher, and not by a singleflight as the model lists are: all
// of a batch have asked before the service is asked, so that nobody who has just
// mended a key or started a server is told how things were before.
func newTests(test func(context.Context) (status.Report, error)) tests {
	return tests{batcher.New(testWindow, func(params []any) error {
		askers := make([]*asker, 0, len(params))
		for _, p := range params {
			if a, ok := p.(*asker); ok { // all are
				askers = append(askers, a)
			}
		}
		ctx, cancel := whileWanted(askers)
		defer cancel()
		report, err := test(ctx)
		for _, a := range askers {
			a.report = report
		}
		return err
	})}
}

// ask waits for the outcome of the next test, until ctx ends.
func (t tests) ask(ctx context.Context) (status.Report, error) {
	a := &asker{ctx: ctx, done: make(chan struct{})}
	// The batcher knows no context: it is waited for in a goroutine, which ends
	// with the test. That ends at the latest when all who asked have left.
	go func() {
		defer close(a.done)
		a.err = t.batch.Run(a)
	}()
	select {
	case <-a.done:
		return a.report, a.err
	case <-ctx.Done():
		return status.Report{}, provider.AsError(ctx.Err())
	}
}

// whileWanted is a context that ends when the last of the askers has left.
func whileWanted(askers []*asker) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	var left atomic.Int64
	stops := make([]func() bool, len(askers))
	for i, a := range askers {
		stops[i] = context.AfterFunc(a.ctx, func() {
			if left.Add(1) == int64(len(askers)) {
				cancel()
			}
		})
	}
	return ctx, func() {
		for _, stop := range stops {
			stop()
		}
		cancel()
	}
}

// test asks the service.
func (e *entry) test(ctx context.Context) (status.Report, error) {
	limit := e.config.Policy.Timeout
	if limit <= 0 {
		limit = testLimit
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	report := e.testReport()
	start := time.Now()
	err := e.plugin.TestEndpoint(ctx, &provider.Request{
		Endpoint: e.config.ID, Revision: e.revision, RequestID: report.RequestID, Attempt: 1,
	})
	report.Attempts, report.Total = 1, time.Since(start)
	report.ProviderTime = report.Total
	return report, err
}

// testReport is the report of a test that was not made yet.
func (e *entry) testReport() status.Report {
	return status.Report{RequestID: api.NewRequestID(), Endpoint: e.config.ID, Provider: e.config.Provider, Model: e.config.Model}
}
