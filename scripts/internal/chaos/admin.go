//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"time"

	"github.com/backplane-dev/backplane/host/status"
)

// control talks to a host's admin API. It is safe for concurrent use.
type control struct{ http *http.Client }

// adminWait bounds one question; a change of a provider can take the start of a
// process.
const adminWait = 30 * time.Second

func newControl(socket string) *control {
	return &control{&http.Client{Timeout: adminWait, Transport: &http.Transport{
		DisableKeepAlives: true, // an idle connection would count among the host's files
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
	}}}
}

// ask makes a request and decodes the answer into out, if that is not nil.
func (c *control) ask(method, path string, out any) error {
	req, err := http.NewRequestWithContext(context.Background(), method, "http://backplane"+path, http.NoBody)
	if err != nil {
		return err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		return err
	case resp.StatusCode >= http.StatusBadRequest:
		return fmt.Errorf("%s %s: %d %s", method, path, resp.StatusCode, errorOf(body).Message)
	case out == nil:
		return nil
	}
	return json.Unmarshal(body, out)
}

func (c *control) provider(name string) (p status.Provider, err error) {
	return p, c.ask(http.MethodGet, "/admin/v1/providers/"+name, &p)
}

func (c *control) endpoint(id string) (e status.Endpoint, err error) {
	return e, c.ask(http.MethodGet, "/admin/v1/endpoints/"+id, &e)
}

func (c *control) stats() ([]status.Stats, error) {
	var list struct {
		Data []status.Stats `json:"data"`
	}
	return list.Data, c.ask(http.MethodGet, "/admin/v1/stats", &list)
}

// change asks for a change of a provider: swap, rollback or restart.
func (c *control) change(what, name string) (s status.Swap, err error) {
	return s, c.ask(http.MethodPost, "/admin/v1/providers/"+name+"/"+what, &s)
}

var profileTotal = regexp.MustCompile(`^goroutine profile: total (\d+)`)

// goroutines counts those of the host.
func (c *control) goroutines() (int, error) {
	resp, err := c.http.Get("http://backplane/debug/pprof/goroutine?debug=1") //nolint:noctx // the client has a timeout
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err
	}
	match := profileTotal.FindSubmatch(body)
	if match == nil {
		return 0, fmt.Errorf("the host's profile begins with %.80q", body)
	}
	return strconv.Atoi(string(match[1]))
}

// apiError is OpenAI's error object.
type apiError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// errorOf reads an error's body; an unknown one has its text as the message.
func errorOf(body []byte) apiError {
	var answer struct {
		Error apiError `json:"error"`
	}
	if err := json.Unmarshal(body, &answer); err != nil || answer.Error.Message == "" {
		return apiError{Code: "unreadable", Message: string(body)}
	}
	return answer.Error
}
