package wire

import (
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/schema"
)

func TestRedactionFindsSecretsPlainAndInURLs(t *testing.T) {
	t.Parallel()
	r := newRedactor("sk-a/b+c").with("second-key")
	got := r.redact(`key sk-a/b+c at https://x/?key=sk-a%2Fb%2Bc, then second-key`)
	want := `key [REDACTED] at https://x/?key=[REDACTED], then [REDACTED]`
	if got != want {
		t.Errorf("got %s", got)
	}
}

func TestRedactionLeavesTextsAloneWithoutARealSecret(t *testing.T) {
	t.Parallel()
	for _, secret := range []string{"", "a", "abc"} {
		if got := newRedactor(secret).redact("abcabc"); got != "abcabc" {
			t.Errorf("%q: got %s", secret, got)
		}
	}
}

func TestRedactionCopiesTheError(t *testing.T) {
	t.Parallel()
	shared := &provider.Error{Message: "bad key secret-key", Type: "secret-key", UpstreamCode: "secret-key", Param: "secret-key", RequestID: "secret-key"}
	got := newRedactor("secret-key").error(shared)
	for _, s := range []string{got.Message, got.Type, got.UpstreamCode, got.Param, got.RequestID} {
		if strings.Contains(s, "secret-key") {
			t.Errorf("got %s", s)
		}
	}
	if shared.Message != "bad key secret-key" {
		t.Error("the author's error was changed")
	}
}

func TestWithDoesNotShareMemoryBetweenCalls(t *testing.T) {
	t.Parallel()
	base := newRedactor("endpoint-key")
	first, second := base.with("first-key"), base.with("second-key")
	if got := first.redact("first-key second-key"); got != "[REDACTED] second-key" {
		t.Errorf("got %s", got)
	}
	if got := second.redact("first-key second-key"); got != "first-key [REDACTED]" {
		t.Errorf("got %s", got)
	}
}

func TestSensitiveSettingsAreSecretsToo(t *testing.T) {
	t.Parallel()
	secret := func(name string, typ schema.Type) schema.Attribute {
		return schema.Attribute{Name: name, Type: typ, Sensitive: true}
	}
	inner := schema.Object{Attributes: []schema.Attribute{secret("pass", schema.String)}}
	object := schema.Object{
		Attributes: []schema.Attribute{secret("one", schema.String), secret("list", schema.StringList), secret("map", schema.StringMap),
			secret("number", schema.Int), secret("absent", schema.String), {Name: "plain", Type: schema.String}},
		Blocks: []schema.Block{{Name: "single", Object: inner}, {Name: "many", Multiple: true, Object: inner}},
	}
	values := `{"one":"s-one","list":["s-two","s-three"],"map":{"k":"s-four"},"number":5,"plain":"open",
		"single":{"pass":"s-five"},"many":[{"pass":"s-six"},{"pass":"s-seven"}]}`
	found := strings.Join(sensitiveValues(object, []byte(values)), " ")
	for _, want := range []string{"s-one", "s-two", "s-three", "s-four", "s-five", "s-six", "s-seven"} {
		if !strings.Contains(found, want) {
			t.Errorf("%s is not found in %q", want, found)
		}
	}
	if strings.Contains(found, "open") {
		t.Errorf("an open setting is taken for a secret: %q", found)
	}
}
