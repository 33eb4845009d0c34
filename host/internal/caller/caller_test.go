package caller

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestAContextCarriesItsCaller(t *testing.T) {
	t.Parallel()
	if Known(t.Context()) || From(t.Context()) == nil || *From(t.Context()) != (Caller{}) {
		t.Error("a context without a caller has one")
	}
	type other struct{}
	ctx := With(context.WithValue(t.Context(), other{}, 7), &Caller{Tenant: "a", Priority: High, Header: http.Header{"X-Team": {"one", "two"}}})
	ctx, cancel := context.WithTimeout(ctx, time.Hour)
	defer cancel()
	c := From(ctx)
	if !Known(ctx) || c.Tenant != "a" || c.Priority != High {
		t.Errorf("got %+v", c)
	}
	if got := c.HeaderValue("x-team"); got != "one" {
		t.Errorf("the header is %q, want its first value", got)
	}
	if ctx.Value(other{}) != 7 {
		t.Error("the context's other values are lost")
	}
}

func TestACallerWithoutHeadersHasNoValues(t *testing.T) {
	t.Parallel()
	if got := new(Caller).HeaderValue("x-team"); got != "" {
		t.Errorf("got %q", got)
	}
	if got := (&Caller{Header: http.Header{"": {"x"}}}).HeaderValue(""); got != "" {
		t.Errorf("a header without a name is %q", got)
	}
}

func TestTheEndOfTheCarriedContextIsSeen(t *testing.T) {
	t.Parallel()
	parent, cancel := context.WithCancelCause(t.Context())
	child, stop := context.WithCancel(With(parent, &Caller{}))
	defer stop()
	cancel(http.ErrAbortHandler)
	<-child.Done()
	if context.Cause(child) != http.ErrAbortHandler {
		t.Errorf("the cause is %v", context.Cause(child))
	}
}

func TestPrioritiesAreReadAndWritten(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Priority{"": Normal, "normal": Normal, "high": High, "HIGH": High, "Low": Low} {
		if got, ok := ParsePriority(text); got != want || !ok {
			t.Errorf("%q is %v, %v, want %v", text, got, ok, want)
		}
	}
	for _, text := range []string{"urgent", " high", "1", "high,low"} {
		if got, ok := ParsePriority(text); ok || got != Normal {
			t.Errorf("%q is %v, %v", text, got, ok)
		}
	}
	for p, want := range map[Priority]string{Low: "low", Normal: "normal", High: "high", -5: "low", 7: "high"} {
		if p.String() != want {
			t.Errorf("%d is %q, want %q", p, p, want)
		}
	}
}

func TestTenantsOfKeysDoNotShowThem(t *testing.T) {
	t.Parallel()
	// printf %s sk-secret | sha256sum | head -c 12
	const want = "key-746b4ad1ca91"
	for _, key := range []string{"sk-secret", "Bearer sk-secret", "bearer  sk-secret"} {
		if got := TenantOfKey(key); got != want {
			t.Errorf("%q is %q, want %q", key, got, want)
		}
	}
	if got := TenantOfKey("Basic sk-secret"); got == want || !strings.HasPrefix(got, "key-") {
		t.Errorf("another scheme is %q", got)
	}
	for _, none := range []string{"", "Bearer ", "bearer  "} {
		if got := TenantOfKey(none); got != "" {
			t.Errorf("no key, %q, is %q", none, got)
		}
	}
}

func TestTenantsOfNamesAreReadable(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "team a", "billing/eu-1", strings.Repeat("x", maxTenant)} {
		if got := TenantOfName(name); got != name {
			t.Errorf("%q is %q", name, got)
		}
	}
	seen := map[string]string{}
	for _, name := range []string{"a\x1b[31m", "ä", "a\nb", strings.Repeat("x", maxTenant+1), strings.Repeat("x", maxTenant+2)} {
		got := TenantOfName(name)
		if len(got) > maxTenant || !readable(got) || !strings.HasPrefix(got, "tenant-") || seen[got] != "" {
			t.Errorf("%q is %q", name, got)
		}
		seen[got] = name
	}
}

func FuzzTenants(f *testing.F) {
	for _, seed := range []string{"", "Bearer x", "bearer ", "sk-1", "\x00", "ä", strings.Repeat("k", 300)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, tenant := range []string{TenantOfKey(text), TenantOfName(text)} {
			if len(tenant) > maxTenant || !readable(tenant) {
				t.Errorf("%q became %q", text, tenant)
			}
		}
		if tenant := TenantOfKey(text); len(text) > 12 && strings.Contains(tenant, text) {
			t.Errorf("the tenant %q shows the key %q", tenant, text)
		}
	})
}

func BenchmarkTenantOfKey(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		TenantOfKey("Bearer sk-proj-0123456789abcdef0123456789abcdef0123456789abcdef")
	}
}
