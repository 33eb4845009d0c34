package schema_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/sdk/schema"
)

// sample has a setting of every type and rule.
var sample = schema.Object{
	Attributes: []schema.Attribute{
		{Name: "base_url", Type: schema.String, Required: true, Pattern: `https?://.+`},
		{Name: "token", Type: schema.String, Sensitive: true, Pattern: `sk-.*`, Min: schema.Bound(4)},
		{Name: "mode", Type: schema.String, OneOf: []string{"fast", "safe"}, Default: "safe"},
		{Name: "stream", Type: schema.Bool, Default: true},
		{Name: "workers", Type: schema.Int, Min: schema.Bound(1), Max: schema.Bound(64)},
		{Name: "rate", Type: schema.Number, Min: schema.Bound(0), Max: schema.Bound(1)},
		{Name: "timeout", Type: schema.Duration, Default: "30s", Min: schema.Bound(1), Max: schema.Bound(600)},
		{Name: "buffer", Type: schema.Size, Default: "16MiB", Max: schema.Bound(1 << 30)},
		{Name: "tags", Type: schema.StringList, Max: schema.Bound(2)},
		{Name: "headers", Type: schema.StringMap},
		{Name: "proxy", Type: schema.String, Deprecated: "use the environment variable HTTPS_PROXY"},
	},
	Blocks: []schema.Block{
		{Name: "tls", Object: schema.Object{Attributes: []schema.Attribute{
			{Name: "ca_file", Type: schema.String, Required: true},
			{Name: "verify", Type: schema.Bool, Default: true},
		}}},
		{Name: "replica", Multiple: true, Object: schema.Object{Attributes: []schema.Attribute{
			{Name: "url", Type: schema.String, Required: true},
			{Name: "weight", Type: schema.Int, Default: 1},
		}}},
	},
}

func TestCheckFillsInDefaultsAndKeepsWhatIsGiven(t *testing.T) {
	t.Parallel()
	filled, diags := sample.Check(json.RawMessage(`{"base_url":"http://x","workers":3.0,"rate":0,"stream":false,"mode":null,
		"tls":{"ca_file":"a"},"replica":[{"url":"u"},{"url":"v","weight":0}]}`))
	if len(diags) != 0 {
		t.Fatalf("diagnostics: %v", diags)
	}
	want := `{"base_url":"http://x","buffer":"16MiB","mode":"safe","rate":0,"replica":[{"url":"u","weight":1},{"url":"v","weight":0}],` +
		`"stream":false,"timeout":"30s","tls":{"ca_file":"a","verify":true},"workers":3}`
	if string(filled) != want {
		t.Errorf("got  %s\nwant %s", filled, want)
	}
}

func TestCheckTakesNoSettingsAsAnEmptyObject(t *testing.T) {
	t.Parallel()
	for _, in := range []string{"", "  ", "null", "{}"} {
		if filled, diags := (schema.Object{}).Check(json.RawMessage(in)); string(filled) != "{}" || diags != nil {
			t.Errorf("%q: got %s, %v", in, filled, diags)
		}
	}
}

func TestCheckReportsEachMistakeWithWhatToWrite(t *testing.T) {
	t.Parallel()
	const ok = `"base_url":"http://x",`
	for name, tc := range map[string]struct{ in, want string }{
		"missing":              {`{}`, `base_url: Missing setting: The setting "base_url" is required: write base_url = "...".`},
		"swapped letters":      {`{` + ok + `"timeuot":"1s"}`, `timeuot: Unsupported setting: There is no setting "timeuot" here. Did you mean "timeout"?`},
		"part of the name":     {`{` + ok + `"replicas":1}`, `replicas: Unsupported setting: There is no setting "replicas" here. Did you mean "replica"?`},
		"in the wrong block":   {`{` + ok + `"ca_file":"x"}`, `ca_file: Unsupported setting: There is no setting "ca_file" here. It belongs into the block "tls".`},
		"duration as number":   {`{` + ok + `"timeout":60}`, `timeout: Wrong type: "timeout" must be a duration, but a number was given; write it with a unit, for example "60s".`},
		"duration w/o unit":    {`{` + ok + `"timeout":"60"}`, `timeout: Invalid duration: "timeout" is wrong: duration "60" has no unit; write it with a unit, for example "60s".`},
		"duration nonsense":    {`{` + ok + `"timeout":"1 week"}`, `timeout: Invalid duration: "timeout" is wrong: "1 week" is not a duration; write a number with a unit (ms, s, m, h), for example "30s" or "1m30s".`},
		"duration too long":    {`{` + ok + `"timeout":"1h"}`, `timeout: Value out of bounds: "timeout" must be at least 1s and at most 10m, but is 1h.`},
		"size too large":       {`{` + ok + `"buffer":"2GiB"}`, `buffer: Value out of bounds: "buffer" must be at most 1GiB, but is 2GiB.`},
		"size unit":            {`{` + ok + `"buffer":"5 megs"}`, `buffer: Invalid size: "buffer" is wrong: size "5 megs" has an unknown unit "megs"; write B, KB, MB, GB, KiB, MiB or GiB, for example "16MiB".`},
		"int as string":        {`{` + ok + `"workers":"5"}`, `workers: Wrong type: "workers" must be a whole number, but a string was given; write it without quotes.`},
		"int with fraction":    {`{` + ok + `"workers":1.5}`, `workers: Wrong type: "workers" must be a whole number, but is 1.5.`},
		"int out of range":     {`{` + ok + `"workers":1e30}`, `workers: Value out of bounds: "workers" is too large for a whole number.`},
		"number out of bounds": {`{` + ok + `"rate":1.5}`, `rate: Value out of bounds: "rate" must be at least 0 and at most 1, but is 1.5.`},
		"number too large":     {`{` + ok + `"rate":1e999}`, `rate: Value out of bounds: "rate" is too large for a number.`},
		"bool as string":       {`{` + ok + `"stream":"true"}`, `stream: Wrong type: "stream" must be a bool, but a string was given; write it without quotes.`},
		"bool as list":         {`{` + ok + `"stream":[]}`, `stream: Wrong type: "stream" must be a bool, but a list was given; write stream = true.`},
		"string as number":     {`{"base_url":8080}`, `base_url: Wrong type: "base_url" must be a string, but a number was given; write it in quotes.`},
		"pattern":              {`{"base_url":"ftp://x"}`, `base_url: Value not allowed: "base_url" must match the pattern https?://.+, but is "ftp://x".`},
		"one of":               {`{` + ok + `"mode":"fsat"}`, `mode: Value not allowed: "mode" must be one of "fast", "safe", but is "fsat". Did you mean "fast"?`},
		"list as string":       {`{` + ok + `"tags":"a"}`, `tags: Wrong type: "tags" must be a list of strings, but a string was given; write tags = ["..."].`},
		"list element":         {`{` + ok + `"tags":["a",1]}`, `tags[1]: Wrong type: The elements of "tags" must be strings in quotes, but a number was given.`},
		"list too long":        {`{` + ok + `"tags":["a","b","c"]}`, `tags: Value out of bounds: "tags" must have at most 2 elements, but has 3 elements.`},
		"map value":            {`{` + ok + `"headers":{"x-b":1}}`, `headers["x-b"]: Wrong type: The values of "headers" must be strings in quotes, but a number was given.`},
		"deprecated":           {`{` + ok + `"proxy":"p"}`, `proxy: Deprecated setting: The setting "proxy" is deprecated: use the environment variable HTTPS_PROXY.`},
		"nested missing":       {`{` + ok + `"tls":{}}`, `tls.ca_file: Missing setting: The setting "ca_file" is required: write ca_file = "...".`},
		"nested unknown":       {`{` + ok + `"replica":[{"url":"u"},{"url":"v","wieght":1}]}`, `replica[1].wieght: Unsupported setting: There is no setting "wieght" here. Did you mean "weight"?`},
		"block as string":      {`{` + ok + `"tls":"x"}`, `tls: Wrong type: "tls" must be a block of settings, but a string was given.`},
		"secret of wrong type": {`{` + ok + `"token":123456}`, `token: Wrong type: "token" must be a string, but a number was given; write it in quotes.`},
		"secret not matching":  {`{` + ok + `"token":"hunter2"}`, `token: Value not allowed: "token" must match the pattern sk-.*.`},
		"secret too short":     {`{` + ok + `"token":"sk-"}`, `token: Value out of bounds: "token" must have at least 4 characters.`},
		"not an object":        {`[1]`, `Invalid settings: The settings must be a JSON object, but a list was given.`},
		"trailing data":        {`{} {}`, `Invalid settings: The settings must be one JSON object, but more follows it.`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			filled, diags := sample.Check(json.RawMessage(tc.in))
			if got := schema.Join(diags); got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
			if schema.HasErrors(diags) != (filled == nil) {
				t.Errorf("settings %q with errors: %v", filled, schema.HasErrors(diags))
			}
		})
	}
}

func TestCheckReportsAllMistakesAtOnceInAStableOrder(t *testing.T) {
	t.Parallel()
	in := json.RawMessage(`{"zzz":1,"aaa":2,"tls":{"verify":1},"rate":7,"workers":"x","base_url":1}`)
	want := "base_url workers rate tls.ca_file tls.verify aaa zzz"
	for range 20 {
		_, diags := sample.Check(in)
		var paths []string
		for _, d := range diags {
			paths = append(paths, d.Path)
		}
		if got := strings.Join(paths, " "); got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
	}
}

func TestCheckNeverShowsASensitiveValue(t *testing.T) {
	t.Parallel()
	const secret = "hunter2-hunter2"
	for _, typ := range []schema.Type{schema.String, schema.Int, schema.Number, schema.Bool, schema.Duration, schema.Size, schema.StringList, schema.StringMap} {
		a := schema.Attribute{Name: "s", Type: typ, Sensitive: true, Min: schema.Bound(1000), OneOf: []string{"hunter2-hunter3"}, Pattern: "x"}
		for _, v := range []any{secret, []any{secret, 1}, map[string]any{"k": secret}, 98765} {
			in, err := json.Marshal(map[string]any{"s": v})
			if err != nil {
				t.Fatal(err)
			}
			_, diags := schema.Object{Attributes: []schema.Attribute{a}}.Check(in)
			if text := schema.Join(diags); strings.Contains(text, secret) || strings.Contains(text, "98765") {
				t.Errorf("%s given %s: %s", typ, in, text)
			}
		}
	}
}

func TestCheckPassesTypesThatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	o := schema.Object{Attributes: []schema.Attribute{{Name: "x", Type: "map(number)"}}}
	if filled, diags := o.Check(json.RawMessage(`{"x":{"a":1}}`)); string(filled) != `{"x":{"a":1}}` || len(diags) != 0 {
		t.Errorf("got %s, %v", filled, diags)
	}
}

// FuzzCheck looks for settings that make Check panic, pass with mistakes left in
// them, or change when they are checked again.
func FuzzCheck(f *testing.F) {
	for _, s := range []string{
		`{}`, `{"base_url":"http://x","tls":{"ca_file":"a"},"replica":[{"url":"u"}]}`, `{"base_url":"http://x","timeout":"5s","buffer":1e3,"workers":1e2}`,
		`{"tags":[1,null],"headers":{"a":null},"rate":1e999999}`, `[[[`, `{"replica":{"url":"u"}}`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		filled, diags := sample.Check(json.RawMessage(in))
		if schema.HasErrors(diags) {
			return
		}
		again, diags := sample.Check(filled)
		if schema.HasErrors(diags) || string(again) != string(filled) {
			t.Errorf("%q gave %s, which gives %s, %v", in, filled, again, diags)
		}
	})
}
