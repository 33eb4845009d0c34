package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// externalMark marks values that do not stand in the file: they come from the
// environment or from another file, and are not shown.
type externalMark struct{}

// evaluate returns the plain value of an expression and whether any part of it
// is external. Mistakes are reported; show allows them to quote the expression.
func (d *decoder) evaluate(s *section, path string, expr hclsyntax.Expression, show bool) (v any, external, ok bool) {
	if word, ok := expr.(*hclsyntax.ScopeTraversalExpr); ok {
		d.file.errorAt(s, path, expr.Range(), "Missing quotes", unquoted(d.file.text(expr.Range()), word.Traversal, show))
		return nil, false, false
	}
	val, diags := expr.Value(d.ctx)
	for _, diag := range diags {
		d.file.report(s, path, diag)
	}
	if diags.HasErrors() {
		return nil, false, false
	}
	val, marks := val.UnmarkDeep()
	_, external = marks[externalMark{}]
	v, err := plain(val)
	if err != nil {
		d.file.errorAt(s, path, expr.Range(), "Invalid value", fmt.Sprintf("The value cannot be used: %v.", err))
		return nil, external, false
	}
	return v, external, true
}

// unquoted explains a bare word, which HCL takes for a variable.
func unquoted(text string, traversal hcl.Traversal, show bool) string {
	switch root := traversal.RootName(); {
	case !show:
		return "Text must be in quotes."
	case strings.EqualFold(root, "true") || strings.EqualFold(root, "false"):
		return fmt.Sprintf("There is no variable %q: write %s in lower case.", text, strings.ToLower(root))
	default:
		return fmt.Sprintf("Text must be in quotes: write %q.", text)
	}
}

// report adds a diagnostic of the HCL library, with the words of our own
// functions where one of them failed.
func (f *File) report(s *section, path string, diag *hcl.Diagnostic) {
	summary, detail := diag.Summary, diag.Detail
	if call, ok := hcl.DiagnosticExtra[hclsyntax.FunctionCallDiagExtra](diag); ok && call.FunctionCallError() != nil {
		err := call.FunctionCallError()
		var own *functionError
		if errors.As(err, &own) {
			summary, detail = own.summary, own.detail
		}
	}
	var rng hcl.Range
	if diag.Subject != nil {
		rng = *diag.Subject
	}
	f.errorAt(s, path, rng, summary, detail)
}

// plain converts a value to what [encoding/json] would decode it to, numbers as
// [json.Number].
func plain(v cty.Value) (any, error) {
	if v.IsNull() {
		return nil, nil
	}
	if !v.IsWhollyKnown() {
		return nil, errors.New("it is not known")
	}
	switch t := v.Type(); {
	case t == cty.String:
		return v.AsString(), nil
	case t == cty.Bool:
		return v.True(), nil
	case t == cty.Number:
		return plainNumber(v.AsBigFloat())
	case t.IsTupleType() || t.IsListType() || t.IsSetType():
		return plainList(v)
	case t.IsObjectType() || t.IsMapType():
		return plainMap(v)
	default:
		return nil, fmt.Errorf("%s is no kind of setting", t.FriendlyName())
	}
}

func plainNumber(f *big.Float) (any, error) {
	if f.IsInf() {
		return nil, errors.New("the number is infinite")
	}
	// Huge exponents stay exponents: written out they could fill the memory.
	format := byte('f')
	if exp := f.MantExp(nil); exp > 256 || exp < -256 {
		format = 'g'
	}
	return json.Number(f.Text(format, -1)), nil
}

func plainList(v cty.Value) (any, error) {
	list := make([]any, 0, v.LengthInt())
	for _, e := range v.Elements() {
		p, err := plain(e)
		if err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	return list, nil
}

func plainMap(v cty.Value) (any, error) {
	m := make(map[string]any)
	for key, e := range v.Elements() {
		p, err := plain(e)
		if err != nil {
			return nil, err
		}
		m[key.AsString()] = p
	}
	return m, nil
}

func isString(v cty.Value) bool {
	return v.Type() == cty.String && v.IsWhollyKnown() && !v.IsNull() && !v.IsMarked()
}
