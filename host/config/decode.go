package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/backplane-dev/backplane/sdk/schema"
)

// section is a block of the file as plain values, with the place in the file
// and the origin of each, by schema paths such as "queue.size".
type section struct {
	// title names the block for people: endpoint "fast".
	title  string
	header hcl.Range
	// label of the block, "" if it has none.
	label      string
	labelRange hcl.Range
	// values as they stand in the file; raw the same as checked JSON, nil if
	// there are mistakes.
	values map[string]any
	raw    []byte
	places map[string]place
	// broken paths have been reported: their value is missing from values.
	broken map[string]bool
	// external paths have a value from env() or file(), literal ones a value
	// that is written out in the file.
	external, literal map[string]bool
	// settings is the body of the settings block, still untouched; nil if there
	// is none.
	settings *hclsyntax.Block
}

// place is where a setting stands: its name and its value. A block's value is
// its header.
type place struct{ name, value hcl.Range }

func newSection(title string, header hcl.Range) *section {
	return &section{
		title: title, header: header, values: map[string]any{}, places: map[string]place{},
		broken: map[string]bool{}, external: map[string]bool{}, literal: map[string]bool{},
	}
}

// str returns a setting that is a string, "" if it is not given or no string.
func (s *section) str(name string) string {
	text, _ := s.values[name].(string)
	return text
}

// locate returns the place of a path, or of the innermost block around it that
// is in the file.
func (s *section) locate(path string) (p place, exact bool) {
	for at := path; at != ""; at = parent(at) {
		if p, ok := s.places[at]; ok {
			return p, at == path
		}
	}
	return place{s.header, s.header}, path == ""
}

// parent cuts the last step off a path: "a.b[0]" → "a.b" → "a" → "".
func parent(path string) string {
	if i := strings.LastIndexAny(path, ".["); i >= 0 {
		return path[:i]
	}
	return ""
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// isBroken reports whether a mistake at or around the path was reported.
func (s *section) isBroken(path string) bool {
	for at := path; at != ""; at = parent(at) {
		if s.broken[at] {
			return true
		}
	}
	return false
}

// decoder turns HCL bodies into sections. It judges only what HCL knows and
// plain values do not: blocks given as settings and the reverse, blocks given
// twice, expressions that cannot be evaluated.
type decoder struct {
	ctx  *hcl.EvalContext
	file *File
}

// decode fills the section with a body. o guides it; names that o does not
// declare are taken as they stand, for [schema.Object.Check] to judge.
func (d *decoder) decode(s *section, body *hclsyntax.Body, o schema.Object, path string) map[string]any {
	values := make(map[string]any)
	for _, attr := range inOrder(body.Attributes) {
		d.attribute(s, attr, o, path, values)
	}
	for _, block := range body.Blocks {
		d.block(s, block, o, path, values)
	}
	return values
}

func inOrder(attrs hclsyntax.Attributes) []*hclsyntax.Attribute {
	list := make([]*hclsyntax.Attribute, 0, len(attrs))
	for _, a := range attrs {
		list = append(list, a)
	}
	slices.SortFunc(list, func(a, b *hclsyntax.Attribute) int { return a.SrcRange.Start.Byte - b.SrcRange.Start.Byte })
	return list
}

func (d *decoder) attribute(s *section, attr *hclsyntax.Attribute, o schema.Object, path string, values map[string]any) {
	at := join(path, attr.Name)
	s.places[at] = place{attr.NameRange, attr.Expr.Range()}
	declared, known := findAttribute(o, attr.Name)
	if mayBeSecret(attr.Name, declared, known, o) {
		d.file.mask(attr.Expr)
	}
	d.file.maskSecretItems(attr.Expr)
	if _, isBlock := findBlock(o, attr.Name); isBlock {
		s.broken[at] = true
		d.file.errorAt(s, at, attr.NameRange, "Block expected",
			fmt.Sprintf("%q is a block: write %s { ... } without \"=\".", attr.Name, attr.Name))
		return
	}
	v, external, ok := d.evaluate(s, at, attr.Expr, known && !declared.Sensitive)
	if !ok {
		s.broken[at] = true
		return
	}
	if external {
		s.external[at] = true
	} else {
		s.literal[at] = true
	}
	if declared.Sensitive {
		d.file.remember(v)
	}
	values[attr.Name] = v
	placeElements(s, at, attr.Expr)
}

// mayBeSecret reports whether an attribute's value is kept out of source lines:
// if it is declared sensitive, if its name sounds like a secret, or if nobody
// knows what it is. A slip of the pen counts as what was meant.
func mayBeSecret(name string, declared schema.Attribute, known bool, o schema.Object) bool {
	if !known {
		declared, known = meant(name, o)
	}
	sounds := secretName.MatchString(name) && (declared.Type == schema.String || declared.Type == schema.StringMap)
	return !known || declared.Sensitive || sounds
}

// meant finds the attribute that an unknown name was meant to be: the nearest
// one, or one that belongs into a block.
func meant(name string, o schema.Object) (schema.Attribute, bool) {
	if a, ok := findAttribute(o, schema.Nearest(name, attributeNames(o))); ok {
		return a, true
	}
	for _, b := range o.Blocks {
		if a, ok := findAttribute(b.Object, name); ok {
			return a, true
		}
	}
	if b, ok := findBlock(o, name); ok && name != settingsBlock {
		return schema.Attribute{Name: b.Name}, true
	}
	return schema.Attribute{}, false
}

func attributeNames(o schema.Object) []string {
	names := make([]string, len(o.Attributes))
	for i, a := range o.Attributes {
		names[i] = a.Name
	}
	return names
}

// placeElements records the places of the elements of a list or map.
func placeElements(s *section, path string, expr hclsyntax.Expression) {
	switch expr := expr.(type) {
	case *hclsyntax.TupleConsExpr:
		for i, e := range expr.Exprs {
			s.places[path+"["+strconv.Itoa(i)+"]"] = place{e.Range(), e.Range()}
		}
	case *hclsyntax.ObjectConsExpr:
		for _, item := range expr.Items {
			if key := hcl.ExprAsKeyword(item.KeyExpr); key != "" {
				s.places[path+"["+strconv.Quote(key)+"]"] = place{item.KeyExpr.Range(), item.ValueExpr.Range()}
			} else if v, diags := item.KeyExpr.Value(nil); !diags.HasErrors() && isString(v) {
				s.places[path+"["+strconv.Quote(v.AsString())+"]"] = place{item.KeyExpr.Range(), item.ValueExpr.Range()}
			}
		}
	}
}

func (d *decoder) block(s *section, block *hclsyntax.Block, o schema.Object, path string, values map[string]any) {
	at := join(path, block.Type)
	declared, known := findBlock(o, block.Type)
	if first, twice := s.places[at]; twice && !declared.Multiple {
		d.file.errorAt(s, at, block.TypeRange, "Duplicate block",
			fmt.Sprintf("Only one block %q is allowed here; the first is at %s.", block.Type, position(first.name)))
		d.file.maskBody(block.Body)
		return
	}
	if !declared.Multiple {
		s.places[at] = place{block.TypeRange, block.DefRange()}
	}
	if _, isAttr := findAttribute(o, block.Type); isAttr {
		s.broken[at] = true
		d.file.maskBody(block.Body)
		d.file.errorAt(s, at, block.TypeRange, "Setting expected",
			fmt.Sprintf("%q is a setting: write %s = ... with \"=\".", block.Type, block.Type))
		return
	}
	if len(block.Labels) > 0 {
		d.file.errorAt(s, at, block.LabelRanges[0], "Label not allowed",
			fmt.Sprintf("The block %q takes no label: write %s { ... }.", block.Type, block.Type))
	}
	switch {
	case !known:
		d.file.maskBody(block.Body)
		values[block.Type] = map[string]any{}
	case block.Type == settingsBlock && path == "":
		s.settings = block
	case declared.Multiple:
		list, _ := values[block.Type].([]any)
		item := at + "[" + strconv.Itoa(len(list)) + "]"
		s.places[item] = place{block.TypeRange, block.DefRange()}
		values[block.Type] = append(list, d.decode(s, block.Body, declared.Object, item))
	default:
		values[block.Type] = d.decode(s, block.Body, declared.Object, at)
	}
}

func findAttribute(o schema.Object, name string) (schema.Attribute, bool) {
	for _, a := range o.Attributes {
		if a.Name == name {
			return a, true
		}
	}
	return schema.Attribute{}, false
}

func findBlock(o schema.Object, name string) (schema.Block, bool) {
	for _, b := range o.Blocks {
		if b.Name == name {
			return b, true
		}
	}
	return schema.Block{}, false
}

func position(r hcl.Range) string {
	return fmt.Sprintf("%s:%d:%d", r.Filename, r.Start.Line, r.Start.Column)
}
