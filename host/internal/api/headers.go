package api

import (
	"bytes"
	"encoding/hex"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// maxRequestID is the longest request id that is taken over from a caller.
const maxRequestID = 128

// requestID returns the caller's id if it is sane, else a new one.
func requestID(h http.Header) string {
	if id := first(h, "X-Request-Id"); id != "" && len(id) <= maxRequestID && printable(id) {
		return id
	}
	return NewRequestID()
}

// NewRequestID makes an id of 96 random bits. It is unique for all practical
// purposes and need not be secret, so the fast generator will do.
func NewRequestID() string {
	var raw [12]byte
	for i, r := 0, rand.Uint64(); i < 8; i, r = i+1, r>>8 {
		raw[i] = byte(r)
	}
	for i, r := 8, rand.Uint32(); i < 12; i, r = i+1, r>>8 {
		raw[i] = byte(r)
	}
	var text [4 + 2*len(raw)]byte
	copy(text[:], "req_")
	hex.Encode(text[4:], raw[:])
	return string(text[:])
}

// printable reports whether s is visible ASCII, which is safe in headers and logs.
func printable(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// first returns the first value of a header given by its canonical name.
func first(h http.Header, name string) string {
	if v := h[name]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// request makes a request of what the caller's headers say. endpoint is the one
// that the path names, "" if it names none.
func (x *exchange) request(operation, endpoint string) (*provider.Request, error) {
	h := x.r.Header
	var err error
	if x.timeout, err = parseTimeout(first(h, "X-Backplane-Timeout")); err != nil {
		return nil, err
	}
	if x.timeout > 0 { // what it has waited for memory counts
		x.timeout = max(x.timeout-x.share.Waited(), 1)
	}
	if err := x.identify(); err != nil {
		return nil, err
	}
	if endpoint == "" {
		endpoint = first(h, "X-Backplane-Endpoint")
	}
	x.req = provider.Request{
		Endpoint:   endpoint,
		Operation:  operation,
		RequestID:  x.id,
		Credential: provider.NewSecret(first(h, "X-Backplane-Api-Key")),
		Header:     x.forwarded(),
	}
	return &x.req, nil
}

// parseTimeout reads x-backplane-timeout: a duration with its unit, or plain
// milliseconds. "" is no limit.
func parseTimeout(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if ms, plainErr := strconv.ParseInt(text, 10, 64); plainErr == nil && ms <= int64(24*time.Hour/time.Millisecond) {
		d, err = time.Duration(ms)*time.Millisecond, nil
	}
	if err != nil || d <= 0 || d > 24*time.Hour {
		return 0, invalid("x-backplane-timeout", "header x-backplane-timeout: "+strconv.Quote(text[:min(len(text), 40)])+
			` is no timeout; write a duration up to 24h with its unit ("30s", "1m30s") or plain milliseconds ("30000")`)
	}
	return d, nil
}

// ForwardHeader is a header that some plugin wants to see.
type ForwardHeader struct{ name, canonical string }

// ForwardHeaders makes the list for [Options] of what plugins ask for. A manifest
// is the plugin's word, and is not trusted with the caller's credentials: names
// that [provider.MayForward] refuses are left out.
func ForwardHeaders(names []string) []ForwardHeader {
	var all []ForwardHeader
	for _, name := range names {
		if provider.MayForward(name) {
			all = append(all, ForwardHeader{name, http.CanonicalHeaderKey(name)})
		}
	}
	return all
}

// forwarded collects the caller's headers that plugins asked for.
func (x *exchange) forwarded() map[string]string {
	if x.opts.ForwardHeaders == nil {
		return nil
	}
	var out map[string]string
	for _, h := range x.opts.ForwardHeaders() {
		value := first(x.r.Header, h.canonical)
		if value == "" {
			continue
		}
		if out == nil {
			out = make(map[string]string)
		}
		out[h.name] = value
	}
	return out
}

// report adds to the answer's headers who answered and where the time went.
func (x *exchange) report(r status.Report) {
	if r.Endpoint == "" {
		return
	}
	x.set("X-Backplane-Endpoint", r.Endpoint)
	x.set("X-Backplane-Attempts", strconv.Itoa(r.Attempts))
	x.set("Server-Timing", serverTiming(r))
	if len(r.Tries) > 1 {
		x.set("X-Backplane-Tries", tries(r.Tries))
	}
}

// maxTries bounds the attempts that a header names.
const maxTries = 16

// tries tells the story of a request that took more than one attempt, in the
// order in which they ended: the endpoint, how it ended, and "hedge" for a
// second attempt beside a slow one. A long story has its first ones and its last.
//
//	fast;timeout, fast;timeout, slow;ok
func tries(all []status.Try) string {
	var room [256]byte
	b := room[:0]
	for i := range all {
		if left := len(all) - maxTries; left > 0 && i >= maxTries/2 && i < maxTries/2+left {
			continue
		}
		if i > 0 {
			b = append(b, ", "...)
		}
		b = append(append(b, all[i].Endpoint...), ';')
		if all[i].Code == "" {
			b = append(b, "ok"...)
		} else {
			b = append(b, all[i].Code...)
		}
		if all[i].Hedge {
			b = append(b, ";hedge"...)
		}
	}
	return string(b)
}

// serverTiming splits the time of a request in milliseconds: waiting in queues,
// the host's own work, calls to the provider, and pauses between attempts if
// there were any.
func serverTiming(r status.Report) string {
	host := max(0, r.Total-r.QueueWait-r.Backoff-r.ProviderTime)
	var room [96]byte
	b := appendMillis(append(room[:0], "queue;dur="...), r.QueueWait)
	b = appendMillis(append(b, ", host;dur="...), host)
	b = appendMillis(append(b, ", provider;dur="...), r.ProviderTime)
	if r.Backoff > 0 {
		b = appendMillis(append(b, ", backoff;dur="...), r.Backoff)
	}
	return string(b)
}

// appendMillis appends milliseconds with up to three decimals.
func appendMillis(b []byte, d time.Duration) []byte {
	us := uint64(max(d, 0) / time.Microsecond)
	b = strconv.AppendUint(b, us/1000, 10)
	if rest := us % 1000; rest > 0 {
		b = append(b, '.', byte('0'+rest/100), byte('0'+rest/10%10), byte('0'+rest%10))
		b = bytes.TrimRight(b, "0")
	}
	return b
}

// meta adds what the service reported: its id for the request, its limits in
// OpenAI's headers, and what else the plugin has for the caller.
func (x *exchange) meta(m *provider.Meta) {
	for name, value := range m.Header {
		if key := http.CanonicalHeaderKey(name); !reserved(key) {
			x.set(key, value)
		}
	}
	if m.RequestID != "" {
		x.set("X-Backplane-Upstream-Request-Id", m.RequestID)
	}
	for _, limit := range m.RateLimits {
		meter := strings.ReplaceAll(limit.Meter, "_", "-")
		h := x.w.Header()
		h.Set("X-Ratelimit-Limit-"+meter, strconv.FormatInt(limit.Limit, 10))
		h.Set("X-Ratelimit-Remaining-"+meter, strconv.FormatInt(limit.Remaining, 10))
		if limit.Reset > 0 {
			h.Set("X-Ratelimit-Reset-"+meter, limit.Reset.Round(time.Millisecond).String())
		}
	}
}

// reserved reports whether a header is the host's to write.
func reserved(canonical string) bool {
	switch canonical {
	case "Content-Type", "Content-Length", "Content-Encoding", "Transfer-Encoding", "Connection", "Keep-Alive", "Upgrade",
		"Trailer", "Te", "Proxy-Connection", "Set-Cookie", "Server-Timing", "X-Request-Id", "Date":
		return true
	default:
		return strings.HasPrefix(canonical, "X-Backplane-")
	}
}
