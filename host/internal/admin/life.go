package admin

import (
	"context"
	"net/http"

	"github.com/backplane-dev/backplane/host/status"
)

// change is something that can be done with a provider's process.
type change func(ctx context.Context, name string) (status.Swap, error)

func (x *exchange) swapProvider() error { return x.changeProvider(x.core.SwapProvider) }

func (x *exchange) rollbackProvider() error { return x.changeProvider(x.core.RollbackProvider) }

func (x *exchange) restartProvider() error { return x.changeProvider(x.core.RestartProvider) }

// changeProvider answers once the new process takes the requests, or with the
// reason why nothing was changed. If the caller leaves before, nothing is.
func (x *exchange) changeProvider(do change) error {
	swap, err := do(x.r.Context(), x.args[0])
	if err != nil {
		return err
	}
	return x.answer(http.StatusOK, swap)
}
