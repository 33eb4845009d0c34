package schema_test

import (
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/sdk/schema"
)

func TestValidateAcceptsASaneSchema(t *testing.T) {
	t.Parallel()
	if err := sample.Validate(); err != nil {
		t.Error(err)
	}
}

func TestValidateNamesEachMistakeOfAnAuthor(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		attr schema.Attribute
		want string
	}{
		"name":             {schema.Attribute{Name: "BaseURL", Type: schema.String}, "BaseURL: the name must be snake_case"},
		"type":             {schema.Attribute{Name: "a", Type: "float"}, `a: unknown type "float"`},
		"one of":           {schema.Attribute{Name: "a", Type: schema.Int, OneOf: []string{"1"}}, "a: one_of is for strings, not for a whole number"},
		"pattern type":     {schema.Attribute{Name: "a", Type: schema.Bool, Pattern: "x"}, "a: pattern is for strings, not for a bool"},
		"pattern":          {schema.Attribute{Name: "a", Type: schema.String, Pattern: "("}, "a: the pattern does not compile"},
		"env of a map":     {schema.Attribute{Name: "a", Type: schema.StringMap, Env: []string{"A"}}, "a: env is for single values and lists"},
		"bounds":           {schema.Attribute{Name: "a", Type: schema.Int, Min: schema.Bound(2), Max: schema.Bound(1)}, "a: min 2 is greater than max 1"},
		"bounds of bool":   {schema.Attribute{Name: "a", Type: schema.Bool, Min: schema.Bound(2)}, "a: a bool has no bounds"},
		"required default": {schema.Attribute{Name: "a", Type: schema.Int, Required: true, Default: 1}, "a: a required setting cannot have a default"},
		"secret default":   {schema.Attribute{Name: "a", Type: schema.String, Sensitive: true, Default: "x"}, "a: a sensitive setting cannot have a default"},
		"default type":     {schema.Attribute{Name: "a", Type: schema.Duration, Default: 30}, `a: the default does not fit: "a" must be a duration`},
		"default bounds":   {schema.Attribute{Name: "a", Type: schema.Int, Default: 0, Min: schema.Bound(1)}, `a: the default does not fit: "a" must be at least 1`},
		"default no JSON":  {schema.Attribute{Name: "a", Type: schema.Int, Default: func() {}}, "a: the default is no JSON value"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			nested := schema.Object{Blocks: []schema.Block{{Name: "b", Object: schema.Object{Attributes: []schema.Attribute{tc.attr}}}}}
			err := nested.Validate()
			if err == nil || !strings.HasPrefix(err.Error(), "b."+tc.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v, want one mistake that begins with b.%s", err, tc.want)
			}
		})
	}
}

func TestValidateRefusesANameDeclaredTwice(t *testing.T) {
	t.Parallel()
	o := schema.Object{Attributes: []schema.Attribute{{Name: "tls", Type: schema.Bool}}, Blocks: []schema.Block{{Name: "tls"}}}
	if err := o.Validate(); err == nil || !strings.Contains(err.Error(), "tls: the name is declared twice") {
		t.Errorf("got %v", err)
	}
}
