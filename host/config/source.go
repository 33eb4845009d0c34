package config

import (
	"bytes"
	"cmp"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// source is the text of a file and what of it must not be shown.
type source struct {
	name  string
	bytes []byte
	masks []hcl.Range
	// unparsed is true if the text is no HCL, so that masks are not known.
	unparsed bool
	// secrets are sensitive values, to be cut out of texts by others.
	secrets []string
}

const redacted = "[REDACTED]"

// maxShown bounds a source line in a diagnostic, in characters.
const maxShown = 160

// secretName tells names of settings that sound like a secret, secretLine finds
// what is assigned to one in text that could not be parsed.
var (
	secretName = regexp.MustCompile(`(?i)key|token|secret|passw|credential|authorization`)
	secretLine = regexp.MustCompile(`(?i)(?:key|token|secret|passw|credential|authorization)[\w"-]*\s*[=:]?\s*(\S.*)$`)
)

// mask hides the values that are written out in an expression: strings, numbers
// and bare words, but not the names given to env() and file().
func (s *source) mask(expr hclsyntax.Expression) {
	var shown []hcl.Range
	_ = hclsyntax.VisitAll(expr, func(node hclsyntax.Node) hcl.Diagnostics { // the visitor reports nothing
		switch node := node.(type) {
		case *hclsyntax.FunctionCallExpr:
			if len(node.Args) > 0 {
				shown = append(shown, node.Args[0].Range())
			}
		case *hclsyntax.ObjectConsKeyExpr:
			shown = append(shown, node.Range())
		case *hclsyntax.TemplateExpr, *hclsyntax.LiteralValueExpr, *hclsyntax.TemplateWrapExpr, *hclsyntax.ScopeTraversalExpr:
			if !slices.ContainsFunc(shown, func(r hcl.Range) bool { return covers(r, node.Range()) }) {
				s.masks = append(s.masks, node.Range())
			}
		}
		return nil
	})
}

func covers(outer, inner hcl.Range) bool {
	return outer.Start.Byte <= inner.Start.Byte && inner.End.Byte <= outer.End.Byte
}

// maskSecretItems hides the values of a map's items whose keys sound like a secret.
func (s *source) maskSecretItems(expr hclsyntax.Expression) {
	object, ok := expr.(*hclsyntax.ObjectConsExpr)
	if !ok {
		return
	}
	for _, item := range object.Items {
		if secretName.MatchString(s.text(item.KeyExpr.Range())) {
			s.mask(item.ValueExpr)
		}
	}
}

// maskBody hides all values of a body of which no schema is known.
func (s *source) maskBody(body *hclsyntax.Body) {
	for _, a := range body.Attributes {
		s.mask(a.Expr)
	}
	for _, b := range body.Blocks {
		s.maskBody(b.Body)
	}
}

// remember keeps the texts of a sensitive value.
func (s *source) remember(v any) {
	switch v := v.(type) {
	case string:
		if len(v) >= 4 { // shorter ones would cut up ordinary words
			s.secrets = append(s.secrets, v)
		}
	case []any:
		for _, e := range v {
			s.remember(e)
		}
	case map[string]any:
		for _, e := range v {
			s.remember(e)
		}
	}
}

// scrub cuts remembered secrets out of a text.
func (s *source) scrub(text string) string {
	// The longest first: a secret may be a part of another.
	secrets := slices.Clone(s.secrets)
	slices.SortFunc(secrets, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	for _, secret := range secrets {
		text = strings.ReplaceAll(text, secret, redacted)
	}
	return text
}

func (s *source) text(r hcl.Range) string {
	if r.Filename != s.name || r.Start.Byte < 0 || r.End.Byte > len(s.bytes) || r.Start.Byte > r.End.Byte {
		return ""
	}
	return string(s.bytes[r.Start.Byte:r.End.Byte])
}

// show returns the source line of a range, masked, and a line of carets under
// the range.
func (s *source) show(r hcl.Range) (line, mark string) {
	if r.Filename != s.name || r.Start.Line == 0 || r.Start.Byte > len(s.bytes) {
		return "", ""
	}
	begin := bytes.LastIndexByte(s.bytes[:r.Start.Byte], '\n') + 1
	end := len(s.bytes)
	if i := bytes.IndexByte(s.bytes[begin:], '\n'); i >= 0 {
		end = begin + i
	}
	v := s.masked(begin, end)
	from, to := v.column(r.Start.Byte), v.column(min(max(r.End.Byte, r.Start.Byte+1), end))
	line = strings.TrimRight(v.text.String(), " \t\r")
	if utf8.RuneCountInString(line) > maxShown {
		line = string([]rune(line)[:maxShown]) + " ..."
	}
	if from >= maxShown {
		return line, ""
	}
	return line, blank(line, from) + strings.Repeat("^", max(min(to, maxShown)-from, 1))
}

// blank is a run of white space as wide as the first n characters of line.
func blank(line string, n int) string {
	var b strings.Builder
	for i, r := range []rune(line) {
		if i >= n {
			break
		}
		if r != '\t' {
			r = ' '
		}
		b.WriteRune(r)
	}
	b.WriteString(strings.Repeat(" ", max(n-utf8.RuneCountInString(line), 0)))
	return b.String()
}

// view is a line as it is shown, with the way back to the bytes of the file.
type view struct {
	text    strings.Builder
	columns map[int]int // byte offset in the file → column, from 0
	last    int
}

func (v *view) column(offset int) int {
	if c, ok := v.columns[offset]; ok {
		return c
	}
	return v.last
}

// masked renders the bytes from begin to end with masks in place.
func (s *source) masked(begin, end int) *view {
	v := &view{columns: make(map[int]int)}
	masks := append(s.masksBetween(begin, end), s.masksByName(begin, end)...)
	for at := begin; at < end; {
		v.columns[at] = v.last
		if i := slices.IndexFunc(masks, func(m hcl.Range) bool { return m.Start.Byte <= at && at < m.End.Byte }); i >= 0 {
			stop := min(masks[i].End.Byte, end)
			for ; at < stop; at++ {
				v.columns[at] = v.last
			}
			v.add(redacted)
			continue
		}
		r, size := utf8.DecodeRune(s.bytes[at:end])
		if r != '\t' && !unicode.IsPrint(r) {
			r = '?' // control characters could rewrite the terminal
		}
		v.add(string(r))
		at += size
	}
	return v
}

func (v *view) add(text string) {
	v.text.WriteString(text)
	v.last += utf8.RuneCountInString(text)
}

func (s *source) masksBetween(begin, end int) []hcl.Range {
	var found []hcl.Range
	for _, m := range s.masks {
		if m.Start.Byte < end && begin < m.End.Byte {
			found = append(found, m)
		}
	}
	return found
}

// masksByName hides what follows a name that sounds like a secret in a file that
// could not be parsed, unless it is a call of env() or file(), which shows none.
func (s *source) masksByName(begin, end int) []hcl.Range {
	if !s.unparsed {
		return nil
	}
	m := secretLine.FindSubmatchIndex(s.bytes[begin:end])
	if m == nil {
		return nil
	}
	value := string(s.bytes[begin+m[2] : begin+m[3]])
	if strings.HasPrefix(value, "env(") || strings.HasPrefix(value, "file(") || strings.HasPrefix(value, "{") {
		return nil
	}
	return []hcl.Range{{Start: hcl.Pos{Byte: begin + m[2]}, End: hcl.Pos{Byte: begin + m[3]}}}
}
