package schema_test

import (
	"testing"

	"github.com/backplane-dev/backplane/sdk/schema"
)

func TestMarkdownWritesARowForEachSetting(t *testing.T) {
	t.Parallel()
	want := "| Setting | Type | Default | Meaning |\n" +
		"|---|---|---|---|\n" +
		"| `base_url` | string | required | Must match `https?://.+`. |\n" +
		"| `token` | string |  | At least 4 characters. Must match `sk-.*`. Never shown. |\n" +
		"| `mode` | string | `\"safe\"` | One of \"fast\", \"safe\". |\n" +
		"| `stream` | bool | `true` |  |\n" +
		"| `workers` | int |  | From 1 to 64. |\n" +
		"| `rate` | number |  | From 0 to 1. |\n" +
		"| `timeout` | duration | `\"30s\"` | From 1s to 10m. |\n" +
		"| `buffer` | size | `\"16MiB\"` | At most 1GiB. |\n" +
		"| `tags` | list(string) |  | At most 2 elements. |\n" +
		"| `headers` | map(string) |  |  |\n" +
		"| `proxy` | string |  | Deprecated: use the environment variable HTTPS_PROXY. |\n" +
		"| `tls` | block |  |  |\n" +
		"| `tls.ca_file` | string | required |  |\n" +
		"| `tls.verify` | bool | `true` |  |\n" +
		"| `replica[]` | blocks |  |  |\n" +
		"| `replica[].url` | string | required |  |\n" +
		"| `replica[].weight` | int | `1` |  |\n"
	if got := schema.Markdown(sample); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := schema.Markdown(schema.Object{}); got != "There are no settings.\n" {
		t.Errorf("empty schema: %q", got)
	}
}

func TestMarkdownKeepsATableWholeWhateverTheDescriptionHolds(t *testing.T) {
	t.Parallel()
	o := schema.Object{Attributes: []schema.Attribute{{Name: "a", Type: schema.String, Description: "one | two\nlines", Env: []string{"A", "B"}}}}
	want := "| Setting | Type | Default | Meaning |\n|---|---|---|---|\n| `a` | string |  | one \\| two lines. If absent, the host reads A, B. |\n"
	if got := schema.Markdown(o); got != want {
		t.Errorf("got %s", got)
	}
}
