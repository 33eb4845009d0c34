package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"
)

// maxAnswer bounds an answer that is read as a whole.
const maxAnswer = 64 << 20

// client talks to one address of a running host.
type client struct {
	addr string // as the user wrote it, for messages
	flag string // the flag that sets it, for messages
	base string
	http *http.Client
}

// newClient takes "unix:/path", "host:port" or an http(s) URL.
func newClient(addr, flagName string) (*client, error) {
	c := &client{addr: addr, flag: flagName}
	transport := &http.Transport{
		DialContext:         (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		TLSHandshakeTimeout: 5 * time.Second,
	}
	c.http = &http.Client{Transport: transport}
	if path, ok := strings.CutPrefix(addr, "unix:"); ok {
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		}
		c.base = "http://backplane"
		return c, nil
	}
	if !strings.Contains(addr, "://") {
		addr = "http://" + addr
	}
	u, err := url.Parse(addr)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, usagef("flag -%s: %q is not an address; write http://HOST:PORT or unix:/PATH", flagName, c.addr)
	}
	c.base = strings.TrimSuffix(u.String(), "/")
	return c, nil
}

// send makes a request and returns the answer if its status is below 400. The
// caller closes the body. Any other answer becomes a [*hostError].
func (c *client) send(ctx context.Context, method, path string, header http.Header, body io.Reader) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return nil, fmt.Errorf("make the request: %w", err)
	}
	if header != nil {
		req.Header = header
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.explain(ctx, err)
	}
	if resp.StatusCode >= http.StatusBadRequest {
		defer closeBody(resp)
		return nil, readHostError(resp)
	}
	return resp, nil
}

// do makes a request with an optional JSON body and decodes the answer into
// out, which may be nil.
func (c *client) do(ctx context.Context, method, path string, body []byte, out any) error {
	var header http.Header
	var reader io.Reader
	if body != nil {
		header = http.Header{"Content-Type": {"application/json"}}
		reader = bytes.NewReader(body)
	}
	resp, err := c.send(ctx, method, path, header, reader)
	if err != nil {
		return err
	}
	defer closeBody(resp)
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("read the host's answer: %w", err)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(data, out); err != nil {
		return fmt.Errorf("%s answered something that is not the expected JSON (is it a Backplane host?): %w", c.addr, err)
	}
	return nil
}

// explain turns a failure to reach the host into words on what to do.
func (c *client) explain(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return &codedError{exitInterrupted, errors.New("interrupted")}
	}
	if errors.Is(err, syscall.EACCES) || errors.Is(err, syscall.EPERM) {
		return &codedError{exitNoHost, fmt.Errorf("may not open %s: it belongs to the user who runs the host", c.addr)}
	}
	var op *net.OpError
	if !errors.As(err, &op) || op.Op != "dial" {
		return fmt.Errorf("call %s: %w", c.addr, plain(err))
	}
	return &codedError{exitNoHost, fmt.Errorf(`no host answers at %s (%w)
  start one:           backplane serve -config FILE
  or say where it is:  -%s ADDR, or the variable %s`,
		c.addr, plain(err), c.flag, "BACKPLANE_"+strings.ToUpper(c.flag))}
}

// closeBody closes a body whose rest nobody wants; there is nothing to do about
// a failure.
func closeBody(resp *http.Response) { _ = resp.Body.Close() }
