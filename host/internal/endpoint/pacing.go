package endpoint

import (
	"bytes"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/backplane-dev/backplane/host/config"
	"github.com/backplane-dev/backplane/host/internal/pace"
	"github.com/backplane-dev/backplane/host/internal/queue"
	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/schema"
)

// pacing is the endpoint's pacer and its way into the queue. The queue asks it
// only once there is a limit to keep: most endpoints never have one, and need
// not pay for it.
type pacing struct {
	pacer *pace.Pacer
	queue *queue.Queue
	on    atomic.Bool // the queue asks; it is never turned off again
}

func newPacing(cfg config.Limits, q *queue.Queue) *pacing {
	p := &pacing{pacer: pace.New(cfg), queue: q}
	p.configure(cfg)
	return p
}

// configure changes the limits of the configuration.
func (p *pacing) configure(cfg config.Limits) {
	p.pacer.Configure(cfg)
	if cfg.RequestsPerMinute > 0 || cfg.TokensPerMinute > 0 || len(cfg.Models) > 0 {
		p.start()
	}
	if p.on.Load() {
		p.queue.Wake()
	}
}

func (p *pacing) start() {
	if !p.on.Swap(true) {
		p.queue.SetPacer(p.pacer)
	}
}

// observe takes the limits that came with an answer or an error.
func (a *attempt) observe(limits []provider.RateLimit, now time.Time) {
	if len(limits) == 0 || a.r.ownKey() || !a.r.set.policy.Limits.FromHeaders {
		return
	}
	p := a.r.e.pacing
	p.pacer.Observe(now, a.r.report.Model, limits)
	p.start()
	p.queue.Wake()
}

// settle tells the pacer what the attempt has used.
func (a *attempt) settle(err *provider.Error, usage *provider.Usage, now time.Time) {
	p := a.r.e.pacing
	if !a.slot.Paced { // it went before there was a limit, or has a key of its own
		return
	}
	switch {
	case err == nil || usage != nil:
	case err.IsRateLimit():
		p.pacer.Refused(now, a.r.report.Model)
		usage = &provider.Usage{}
	case !perhapsUsed(err.Code):
		usage = &provider.Usage{}
	}
	p.pacer.Settle(now, a.r.report.Model, a.r.tokens, usage)
	p.queue.Wake()
}

// tellPace says in the error of a request whose time passed in the queue, or would
// have passed there, which rate keeps it there, if one does, and when one can go.
func (r *run) tellPace(err *provider.Error, now time.Time) *provider.Error {
	if err.Code != provider.CodeTimeout && err.Code != provider.CodeQueueFull || r.ownKey() || !r.e.pacing.on.Load() {
		return err
	}
	if limit, wait := r.e.pacing.pacer.Limiting(now, r.report.Model, r.tokens); wait > 0 {
		err.RetryAfter = max(err.RetryAfter, wait)
		err.Message += fmt.Sprintf("; the limit of %s lets one go in %s",
			limit, schema.FormatDuration(wait.Round(time.Millisecond)))
	}
	return err
}

// perhapsUsed reports whether a service may have worked on a request that failed
// in this way.
func perhapsUsed(code provider.Code) bool {
	switch code {
	case provider.CodeTimeout, provider.CodeCanceled, provider.CodeProtocol, provider.CodePluginUnavailable, provider.CodeInternal:
		return true
	default:
		return false
	}
}

// bytesPerToken is what tokens of English text and JSON are long, about.
const bytesPerToken = 4

// limitNames are the fields in which callers bound the answer.
var limitNames = [...][]byte{[]byte(`"max_completion_tokens"`), []byte(`"max_tokens"`), []byte(`"max_output_tokens"`)}

// estimate is how many tokens a request with this body can take, input and output
// together: a quarter of its bytes, and what the caller allows for the answer. It
// is what services book before they know, too.
func estimate(body []byte) int64 {
	n := int64(len(body)+bytesPerToken-1) / bytesPerToken
	for _, name := range limitNames {
		if i := bytes.Index(body, name); i >= 0 {
			return n + number(body[i+len(name):])
		}
	}
	return n
}

// number reads the number after a JSON field's name, 0 if there is none. A field
// of that name deeper in the body is as good a guess.
func number(rest []byte) int64 {
	rest = bytes.TrimLeft(rest, " \t\r\n:")
	end := 0
	for end < len(rest) && rest[end] >= '0' && rest[end] <= '9' {
		end++
	}
	n, err := strconv.ParseInt(string(rest[:end]), 10, 32)
	if err != nil {
		return 0
	}
	return n
}
