package api

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/backplane-dev/backplane/host/internal/caller"
)

// who says where a request tells who asks. The zero value looks nowhere.
type who struct {
	byKey    bool        // the key is the tenant
	tenant   string      // header that names the tenant, canonical; "" for none
	priority string      // header that names the priority, canonical; "" for none
	header   func() bool // whether what comes behind reads headers; nil if it does not
}

func newWho(o *Options) who {
	w := who{byKey: o.TenantBy == tenantByKey, header: o.CallerHeaders}
	if name, ok := strings.CutPrefix(o.TenantBy, tenantByHeader); ok {
		w.tenant = http.CanonicalHeaderKey(name)
	}
	if o.PriorityHeader != "" {
		w.priority = http.CanonicalHeaderKey(o.PriorityHeader)
	}
	return w
}

// The forms of [Options.TenantBy].
const (
	tenantByKey    = "key"
	tenantByHeader = "header:"
)

// identify makes x.ctx, which carries the caller if there is anything to tell.
// The caller that an embedding program has put into the request's context
// stands above what the request says of itself.
func (x *exchange) identify() error {
	x.ctx = x.r.Context()
	said, err := x.who.read(x.r.Header)
	if err != nil {
		return err
	}
	known := caller.From(x.ctx)
	if caller.Known(x.ctx) {
		said.Tenant, said.Priority = known.Tenant, known.Priority
		if known.Header != nil {
			said.Header = known.Header
		}
	}
	if said.Tenant == "" && said.Priority == caller.Normal && said.Header == nil {
		return nil
	}
	x.caller.Context, x.caller.Caller = x.ctx, said
	x.ctx = &x.caller
	return nil
}

// read finds the caller in the headers.
func (w *who) read(h http.Header) (c caller.Caller, err error) {
	switch {
	case w.byKey:
		c.Tenant = caller.TenantOfKey(keyIn(h))
	case w.tenant != "":
		c.Tenant = caller.TenantOfName(first(h, w.tenant))
	}
	if w.header != nil && w.header() {
		c.Header = h
	}
	if w.priority == "" {
		return c, nil
	}
	text := first(h, w.priority)
	priority, ok := caller.ParsePriority(text)
	if !ok {
		name := strings.ToLower(w.priority)
		return c, invalid(name, "header "+name+": "+strconv.Quote(text[:min(len(text), 40)])+` is no priority; write "high", "normal" or "low"`)
	}
	c.Priority = priority
	return c, nil
}

// keyIn finds the key that a client sends: the one for the service, which no
// two clients share by accident, else the one for this host.
func keyIn(h http.Header) string {
	for _, name := range []string{"X-Backplane-Api-Key", "Authorization", "X-Api-Key", "Api-Key"} {
		if key := first(h, name); key != "" {
			return key
		}
	}
	return ""
}
