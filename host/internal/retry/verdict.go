package retry

import (
	"fmt"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/schema"
)

// Failure is a failed attempt, for [Policy.Next].
type Failure struct {
	Err *provider.Error
	// Attempt is the number of the attempt that failed.
	Attempt int
	// Crashes counts the attempts of the request, this one included, that ended
	// with the plugin's process: see [Crashed].
	Crashes int
	// Deadline of the whole request; zero if it has none.
	Deadline time.Time
	// Unsafe is true if repeating the operation can do harm.
	Unsafe bool
	// Blocked is how long attempts are refused for other reasons, such as an
	// open circuit; 0 if they would wait instead of being refused.
	Blocked time.Duration
}

// Verdict is what [Policy.Next] decides.
type Verdict struct {
	// Repeat says to make another attempt. It has taken a token from the budget,
	// which [Policy.Refund] gives back.
	Repeat bool
	// Err is the error for the caller if there is none: usually that of the
	// failure, or a copy that says which limit stood against a repetition.
	Err *provider.Error
	// Why says in words what was decided, and by which numbers.
	Why string
	// Delay is the pause before the next attempt as it is planned: that of the
	// schedule without its jitter, or what the service asked for if it is longer.
	// 0 if there is no next attempt. [Policy.Run] sleeps for the schedule; that
	// nobody goes before the service's time is up is the work of the queue's gate,
	// with the figure of [Policy.Pause], or of who does without a queue.
	Delay time.Duration
}

// Next decides on a failed attempt. The budget is asked last, so that it pays
// for nothing that is not done.
func (p *Policy) Next(f Failure) Verdict {
	if why := final(f); why != "" {
		return refuse(f.Err, why)
	}
	if f.Attempt > len(p.delays) {
		return refuse(f.Err, p.exhausted())
	}
	if p.cfg.RetryAfterMax > 0 && f.Err.RetryAfter > p.cfg.RetryAfterMax {
		return p.tooLong(f.Err)
	}
	longest := p.longest(f.Attempt)
	if f.Blocked > longest {
		return refuse(f.Err, fmt.Sprintf("attempts are refused for another %s, and the pause is %s at most",
			words(f.Blocked), words(longest)))
	}
	pause := max(longest, f.Err.RetryAfter)
	if rest := time.Until(f.Deadline); !f.Deadline.IsZero() && rest <= pause {
		return refuse(f.Err, fmt.Sprintf("the request has %s left, and the pause can take %s", words(max(rest, 0)), words(pause)))
	}
	if costs(f.Err) && p.cfg.Budget > 0 && !p.budget.spend() {
		return refuse(f.Err, fmt.Sprintf("the retry budget has %.1f of %d tokens left, and a retry takes one", p.budget.Tokens(), BudgetCap))
	}
	return p.repeat(f)
}

// repeat is the verdict for another attempt.
func (p *Policy) repeat(f Failure) Verdict {
	v := Verdict{Repeat: true, Err: f.Err, Delay: p.delays[f.Attempt-1]}
	asked := ""
	if f.Err.RetryAfter > v.Delay {
		v.Delay, asked = f.Err.RetryAfter, " that the service asked for"
	}
	v.Why = fmt.Sprintf("repeated after the %s%s: retry %d of %d", words(v.Delay), asked, f.Attempt, len(p.delays))
	return v
}

func refuse(err *provider.Error, why string) Verdict {
	return Verdict{Err: err, Why: "not repeated: " + why}
}

func (p *Policy) exhausted() string {
	if len(p.delays) == 0 {
		return "retries are turned off"
	}
	return fmt.Sprintf("it was retry %d of %d", len(p.delays), len(p.delays))
}

// tooLong is the verdict for a service that wants too long a pause. The caller
// is told, since the figure says when to come back.
func (p *Policy) tooLong(err *provider.Error) Verdict {
	asks, limit := words(err.RetryAfter), words(p.cfg.RetryAfterMax)
	e := *err
	e.Message += fmt.Sprintf("; not repeated, since the service asks to wait %s, which is more than retry_after_max of %s", asks, limit)
	return refuse(&e, fmt.Sprintf("the service asks to wait %s, which is more than retry_after_max of %s", asks, limit))
}

// words writes a duration for people.
func words(d time.Duration) string {
	if d > time.Millisecond {
		d = d.Round(time.Millisecond)
	}
	return schema.FormatDuration(d)
}
