package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/schema"
)

// problem is an error as the operator sees it.
type problem struct {
	status        int
	code, message string
	param         string
	diagnostics   []schema.Diagnostic
	retryAfter    time.Duration
}

// Error returns the message.
func (p *problem) Error() string { return p.message }

func invalid(message string) *problem {
	return &problem{status: http.StatusBadRequest, code: string(provider.CodeInvalidRequest), message: message}
}

// asProblem converts any error.
func asProblem(err error) *problem {
	var p *problem
	if errors.As(err, &p) {
		return p
	}
	var wrong *provider.ConfigError
	if errors.As(err, &wrong) {
		p = invalid("the endpoint has " + mistakes(wrong.Diagnostics))
		p.diagnostics = wrong.Diagnostics
		return p
	}
	e := provider.AsError(err)
	return &problem{status: e.Code.HTTPStatus(), code: string(e.Code), message: e.Message, param: e.Param, retryAfter: e.RetryAfter}
}

// mistakes counts what the diagnostics say in full.
func mistakes(diags []schema.Diagnostic) string {
	n := 0
	for _, d := range diags {
		if !d.Warning {
			n++
		}
	}
	if n == 1 {
		return "1 mistake"
	}
	return fmt.Sprintf("%d mistakes", n)
}

// fail answers with err.
func (x *exchange) fail(err error) {
	p := asProblem(err)
	if p.retryAfter > 0 {
		seconds := (p.retryAfter + time.Second - 1) / time.Second
		x.w.Header().Set("Retry-After", strconv.FormatInt(int64(seconds), 10))
	}
	var body struct {
		Error struct {
			Code        string              `json:"code"`
			Message     string              `json:"message"`
			Param       string              `json:"param,omitempty"`
			Diagnostics []schema.Diagnostic `json:"diagnostics,omitempty"`
		} `json:"error"`
	}
	body.Error.Code, body.Error.Message = p.code, p.message
	body.Error.Param, body.Error.Diagnostics = p.param, p.diagnostics
	data, err := json.Marshal(body)
	if err != nil {
		panic("admin: " + err.Error()) // strings and diagnostics always can be encoded
	}
	x.write(p.status, data)
}

// fromBrowser refuses what a web page sent. A page may send requests to any
// address that its reader's machine can reach, the loopback included, but its
// browser says so: in Origin, or, where the page's own name was made to lead
// here, in Host.
func fromBrowser(r *http.Request) error {
	refuse := func(why string) error {
		return &problem{status: http.StatusForbidden, code: string(provider.CodePermission), message: "requests from web pages are refused: " + why}
	}
	if origin := r.Header.Get("Origin"); origin != "" {
		return refuse("the header Origin is set")
	}
	local, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	if !ok || !local.IP.IsLoopback() {
		return nil
	}
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	if _, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil || strings.EqualFold(host, "localhost") {
		return nil
	}
	return refuse("Host is neither localhost nor an IP address")
}
