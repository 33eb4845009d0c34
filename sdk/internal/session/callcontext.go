package session

import "context"

// callContext is the context of a call in the plugin. Its handler can end it, so
// that a limit that the handler sets needs no context of its own below this one.
type callContext struct {
	context.Context
	cancel context.CancelCauseFunc
}

// End ends the context with a cause.
func (c *callContext) End(cause error) { c.cancel(cause) }
