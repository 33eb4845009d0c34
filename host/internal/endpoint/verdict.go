package endpoint

import (
	"fmt"
	"time"

	"github.com/backplane-dev/backplane/host/config"
	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/schema"
)

// verdict says what would become of a request that arrived now, with the
// endpoint's key and without a deadline of its own. It asks in the order in which
// the policies would.
func (e *Endpoint) verdict(x *status.Explanation, set *settings) string {
	c, q := &x.Circuit, &x.Queue
	switch {
	case e.closing.Err() != nil:
		return "refused: the endpoint is closing"
	case x.Key != nil:
		return fmt.Sprintf("refused: its key rests for another %s, since the service said: %s", rest(x.Key.Until, x.At), x.Key.Why)
	case c.State == status.CircuitOpen:
		return openVerdict(c, x.At, set.policy.Breaker.WhenOpen)
	case x.Gate != nil && x.Gate.Until.After(x.At):
		return fmt.Sprintf("waits for another %s at least: %s", rest(x.Gate.Until, x.At), orElse(x.Gate.Why, "the service asked to wait"))
	case q.MaxConcurrent > 0 && q.InFlight >= q.MaxConcurrent && !q.Unbounded && q.Waiting >= q.Size:
		return fmt.Sprintf("refused: the queue is full, waiting: %d of %d, running: %d of %d", q.Waiting, q.Size, q.InFlight, q.MaxConcurrent)
	case q.Waiting > 0 || x.Gate != nil || q.MaxConcurrent > 0 && q.InFlight >= q.MaxConcurrent:
		return waitVerdict(q)
	case c.State == status.CircuitHalfOpen:
		return "sent at once, as a probe: the circuit is half open"
	default:
		return "sent at once"
	}
}

func openVerdict(c *status.Circuit, now time.Time, whenOpen string) string {
	why := ""
	if n := len(c.History); n > 0 {
		why = ", because " + c.History[n-1].Reason
	}
	switch {
	case c.RetryAt == nil:
		return "refused: the circuit is open until it is closed by hand" + why
	case whenOpen == config.WhenOpenHold:
		return fmt.Sprintf("waits for the probe in %s: the circuit is open%s", rest(*c.RetryAt, now), why)
	default:
		return fmt.Sprintf("refused: the circuit is open for another %s%s", rest(*c.RetryAt, now), why)
	}
}

func waitVerdict(q *status.QueueNow) string {
	text := fmt.Sprintf("waits in the queue behind %d others", q.Waiting)
	switch q.Waiting {
	case 0:
		text = "waits in the queue, as the first"
	case 1:
		text = "waits in the queue behind one other"
	}
	if q.Estimate > 0 {
		text += ", for about " + schema.FormatDuration(q.Estimate.Round(time.Millisecond))
	}
	if q.Overloaded {
		text += fmt.Sprintf("; the queue is overloaded and refuses whom it cannot serve within %s", schema.FormatDuration(q.Target.Round(time.Millisecond)))
	}
	return text
}

// rest is the time until then, in words.
func rest(then, now time.Time) string {
	return schema.FormatDuration(max(then.Sub(now), 0).Round(time.Millisecond))
}

func orElse(text, instead string) string {
	if text == "" {
		return instead
	}
	return text
}
