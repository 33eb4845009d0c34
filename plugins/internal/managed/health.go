package managed

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// probeTimeout bounds one look at a server's health.
const probeTimeout = 5 * time.Second

var prober = &http.Client{
	Timeout:       probeTimeout,
	Transport:     &http.Transport{DisableKeepAlives: true}, // no proxy: the server is on this machine
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// probe asks for the server's health.
func probe(ctx context.Context, address string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	resp, err := prober.Do(req)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			return u.Err // who asks knows the address
		}
		return err
	}
	_ = resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		return provider.Errorf(provider.CodeUpstream, "its health is HTTP %d", resp.StatusCode)
	}
	return nil
}
