package admin

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/schema"
)

// defaultLimit and maxLimit bound a list of requests.
const defaultLimit, maxLimit = 100, 10_000

// filters sets the fields of a filter from the texts of a query. Each says what
// it wants if it cannot use the text.
var filters = map[string]func(f *status.RequestFilter, text string) (want string, ok bool){
	"endpoint": func(f *status.RequestFilter, text string) (string, bool) { f.Endpoint = text; return "", true },
	"model":    func(f *status.RequestFilter, text string) (string, bool) { f.Model = text; return "", true },
	"tenant":   func(f *status.RequestFilter, text string) (string, bool) { f.Tenant = text; return "", true },
	"id":       func(f *status.RequestFilter, text string) (string, bool) { f.ID = text; return "", true },
	"text":     func(f *status.RequestFilter, text string) (string, bool) { f.Text = text; return "", true },
	"code": func(f *status.RequestFilter, text string) (string, bool) {
		f.Code = provider.Code(text)
		known := append(provider.Codes(), status.CodeOK, status.CodeFailed)
		return "be one of " + words(known), slices.Contains(known, f.Code)
	},
	"since": func(f *status.RequestFilter, text string) (string, bool) {
		at, err := time.Parse(time.RFC3339, text)
		if ago, bad := schema.ParseDuration(text); err != nil && bad == nil {
			at, err = time.Now().Add(-ago), nil
		}
		f.Since = at
		return `be a time such as 2026-01-31T15:04:05Z, or how long ago, such as "15m"`, err == nil
	},
	"slower": func(f *status.RequestFilter, text string) (string, bool) {
		d, err := schema.ParseDuration(text)
		f.Slower = d
		return `be a duration with its unit, such as "250ms"`, err == nil
	},
	"limit": func(f *status.RequestFilter, text string) (string, bool) {
		n, err := strconv.Atoi(text)
		f.Limit = n
		return fmt.Sprintf("be a number from 1 to %d", maxLimit), err == nil && n >= 1 && n <= maxLimit
	},
}

// filterOf reads a query. An empty value is like none.
func filterOf(query url.Values) (status.RequestFilter, error) {
	filter := status.RequestFilter{Limit: defaultLimit}
	for _, name := range slices.Sorted(maps.Keys(query)) {
		set, known := filters[name]
		if !known {
			p := invalid(fmt.Sprintf("there is no filter %q; use %s", short(name), words(slices.Sorted(maps.Keys(filters)))))
			p.param = short(name)
			return filter, p
		}
		values := slices.DeleteFunc(slices.Clone(query[name]), func(text string) bool { return text == "" })
		if len(values) == 0 {
			continue
		}
		want, ok := set(&filter, values[0])
		if len(values) > 1 {
			want, ok = "be given once", false
		}
		if !ok {
			p := invalid(fmt.Sprintf("%s must %s, found %q", name, want, short(strings.Join(values, ", "))))
			p.param = name
			return filter, p
		}
	}
	return filter, nil
}

// short cuts a caller's text for a message.
func short(text string) string {
	if len(text) > 40 {
		return strings.ToValidUTF8(text[:40], "") + "..."
	}
	return text
}

// words lists words for people: "a, b or c".
func words[T ~string](list []T) string {
	var b strings.Builder
	for i, w := range list {
		switch {
		case i > 0 && i == len(list)-1:
			b.WriteString(" or ")
		case i > 0:
			b.WriteString(", ")
		}
		b.WriteString(string(w))
	}
	return b.String()
}

func (x *exchange) listRequests() error {
	filter, err := filterOf(x.r.URL.Query())
	if err != nil {
		return err
	}
	if filter.Endpoint != "" {
		if _, err := x.core.Endpoint(filter.Endpoint); err != nil {
			return err
		}
	}
	return list(x, x.core.Recent(filter))
}

// showRequest answers with what each endpoint that took the request remembers
// of it, in the order in which they took it.
func (x *exchange) showRequest() error {
	id := x.args[0]
	found := x.core.Recent(status.RequestFilter{ID: id})
	if len(found) == 0 {
		return &problem{status: http.StatusNotFound, code: string(provider.CodeNotFound), param: "id",
			message: fmt.Sprintf("no request %q is remembered; requests are kept for an hour, within bounds", short(id))}
	}
	slices.Reverse(found)
	return list(x, found)
}
