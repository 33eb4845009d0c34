package host

import (
	"net/http"
	"testing"

	"github.com/backplane-dev/backplane/host/config"
	"github.com/backplane-dev/backplane/host/internal/front"
	"github.com/backplane-dev/backplane/host/internal/graceful"
)

func TestTheSettingChoosesTheServerOfTheDataPlane(t *testing.T) {
	t.Parallel()
	if s, ok := newDataServer(&http.Server{}, config.HTTPStandard).(*graceful.Server); !ok {
		t.Errorf("standard is %T", s)
	}
	for _, kind := range []string{config.HTTPLean, ""} {
		if s, ok := newDataServer(&http.Server{}, kind).(*front.Server); !ok {
			t.Errorf("%q is %T", kind, s)
		}
	}
}
