package wire

import (
	"context"
	"time"
)

// expiring is a context that ends with cause after d unless it is lifted
// before. A deadline cannot be taken back, a timer can.
func expiring(parent context.Context, d time.Duration, cause error) (ctx context.Context, lift, cancel func()) {
	ctx, cancelCause := context.WithCancelCause(parent)
	timer := time.AfterFunc(d, func() { cancelCause(cause) })
	lift = func() { timer.Stop() }
	return ctx, lift, func() {
		timer.Stop()
		cancelCause(nil)
	}
}
