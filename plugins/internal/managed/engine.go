//go:build unix

package managed

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// engine speaks the Docker Engine API. Paths have no version: the engine answers
// by its own, and what is used here is the same in all.
type engine struct {
	host   string // as it was configured
	base   string
	client *http.Client
}

// newEngine makes a client for unix:///path, tcp://host:port and http://host:port.
func newEngine(host string) *engine {
	e := &engine{host: host, base: "http://docker"}
	dialer := &net.Dialer{Timeout: 10 * time.Second}
	transport := &http.Transport{DialContext: dialer.DialContext, MaxIdleConnsPerHost: 2}
	if path, ok := strings.CutPrefix(host, "unix://"); ok {
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", path)
		}
	} else {
		_, address, _ := strings.Cut(host, "://")
		e.base = "http://" + strings.TrimRight(address, "/")
	}
	e.client = &http.Client{Transport: transport}
	return e
}

// do sends a request; the answer is one of success, and must be closed.
func (e *engine) do(ctx context.Context, method, path string, query url.Values, body any) (*http.Response, error) {
	var data io.Reader
	if body != nil {
		data = bytes.NewReader(encode(body))
	}
	address := e.base + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, address, data)
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := e.client.Do(req)
	if err != nil {
		return nil, e.unreachable(ctx, err)
	}
	if resp.StatusCode >= http.StatusBadRequest {
		return nil, e.refused(resp)
	}
	return resp, nil
}

// ask sends a request and reads the answer into v, which may be nil.
func (e *engine) ask(ctx context.Context, method, path string, query url.Values, body, v any) error {
	resp, err := e.do(ctx, method, path, query, body)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }() // it was only read
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return e.unreachable(ctx, err)
	}
	if v == nil {
		return nil
	}
	if err := json.Unmarshal(data, v); err != nil {
		return provider.Errorf(provider.CodeProtocol, "the answer of the Docker Engine at %s cannot be read: %w", e.host, err)
	}
	return nil
}

// unreachable says why there is no engine, and what to do.
func (e *engine) unreachable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	hint := "is it running? Give its address in server.container.docker_host"
	switch {
	case errors.Is(err, fs.ErrNotExist):
		hint = "there is no such socket; start Docker, or give its address in server.container.docker_host"
	case errors.Is(err, syscall.EACCES):
		hint = "this user may not use it; add the user to the group that owns the socket"
	case errors.Is(err, syscall.ECONNREFUSED):
		hint = "nobody listens there; start Docker"
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	failure := provider.Errorf(provider.CodeUnreachable, "the Docker Engine at %s cannot be reached: %w; %s", e.host, err, hint)
	failure.Retry = provider.RetryNever
	return failure
}

// refusals are the meanings of the engine's statuses.
var refusals = map[int]provider.Code{
	http.StatusBadRequest: provider.CodeInvalidRequest, http.StatusNotFound: provider.CodeNotFound, http.StatusConflict: provider.CodeConflict,
	http.StatusUnauthorized: provider.CodeAuth, http.StatusForbidden: provider.CodePermission,
}

// refused reads the engine's own words.
func (e *engine) refused(resp *http.Response) error {
	defer func() { _ = resp.Body.Close() }() // it was only read
	data, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	var said struct {
		Message string `json:"message"`
	}
	if json.Unmarshal(data, &said) != nil || said.Message == "" {
		said.Message = strings.TrimSpace(string(data))
	}
	code, known := refusals[resp.StatusCode]
	if !known {
		code = provider.CodeUpstream
	}
	failure := provider.Errorf(code, "the Docker Engine refuses: %s", said.Message)
	failure.StatusCode, failure.Retry = resp.StatusCode, provider.RetryNever
	return failure
}

// isStatus reports whether the engine answered with a status.
func isStatus(err error, status int) bool {
	var e *provider.Error
	return errors.As(err, &e) && e.StatusCode == status
}

// frames writes the lines of a container's log, which come in frames that say
// from which of its outputs they are, to w.
func frames(r io.Reader, w io.Writer) error {
	var head [8]byte
	for {
		if _, err := io.ReadFull(r, head[:]); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		if _, err := io.CopyN(w, r, int64(binary.BigEndian.Uint32(head[4:]))); err != nil {
			return err
		}
	}
}
