package admin

import (
	"context"
	"encoding/json"
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

// plan answers what a configuration would change. The body may be left out.
func (x *exchange) plan() error {
	var wanted struct {
		File string `json:"file"`
	}
	if x.r.ContentLength != 0 {
		body, err := x.readObject()
		if err != nil {
			return err
		}
		if err := json.Unmarshal(body, &wanted); err != nil {
			return invalid("file must be the path of a configuration: " + err.Error())
		}
	}
	p, err := x.core.Plan(x.r.Context(), wanted.File)
	if err != nil {
		return err
	}
	return x.answer(http.StatusOK, p)
}

// reload answers what was done. Once a configuration without mistakes was read it
// is carried out even if the caller leaves.
func (x *exchange) reload() error {
	p, err := x.core.Reload(x.r.Context())
	if err != nil {
		return err
	}
	return x.answer(http.StatusOK, p)
}
