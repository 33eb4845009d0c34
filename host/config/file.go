package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/backplane-dev/backplane/sdk/schema"
)

// File is a configuration file of which the host's own blocks have been read.
// [File.Resolve] reads the rest. It is not safe for concurrent use.
type File struct {
	source
	env LookupEnv
	ctx *hcl.EvalContext

	problems problems

	server, log *section
	providers   []*section
	endpoints   []*section
	routes      []*section

	config Config
	// resolved holds the settings blocks, by block title, once Resolve has read
	// them; parsed is the number of problems that were known before.
	resolved map[string]*section
	parsed   int
}

// problems collects diagnostics before their source lines are rendered: which
// parts must be masked is known only when everything has been read.
type problems []problem

type problem struct {
	warning         bool
	section         *section // nil at the top level
	path            string
	rng             hcl.Range
	summary, detail string
}

// Load reads the file at path. See [Parse].
func Load(path string, env LookupEnv) (*File, Diagnostics) {
	text, err := os.ReadFile(path)
	if err != nil {
		detail := fmt.Sprintf("Cannot read %s: %v.", path, reason(err))
		if errors.Is(err, fs.ErrNotExist) {
			detail += " Name another file with -config, or copy config.hcl.example."
		}
		return nil, Diagnostics{{Summary: "Configuration not read", Detail: detail, File: path}}
	}
	return Parse(path, text, env)
}

// Parse reads the text of a configuration file: its syntax, and all blocks as
// far as the host declares them. name is the file's path, used in diagnostics
// and for relative paths in the file. env looks up environment variables.
//
// The file is nil only if its syntax is wrong or it cannot be read. With other
// mistakes it is returned too, so that [File.Resolve] can find those in the
// plugins' settings and report everything at once.
func Parse(name string, text []byte, env LookupEnv) (*File, Diagnostics) {
	f := &File{source: source{name: name, bytes: text}, env: env, ctx: evalContext(filepath.Dir(name), env)}
	parsed, diags := hclsyntax.ParseConfig(text, name, hcl.InitialPos)
	if diags.HasErrors() {
		f.unparsed = true
		for _, diag := range diags {
			f.syntax(diag)
		}
		return nil, f.diagnostics()
	}
	body, ok := parsed.Body.(*hclsyntax.Body)
	if !ok {
		return nil, Diagnostics{{Summary: "Configuration not read", Detail: "The file is not in HCL's native syntax.", File: name}}
	}
	f.read(body)
	f.assemble()
	f.checkReferences()
	f.parsed = len(f.problems)
	return f, f.diagnostics()
}

// syntax adds a diagnostic of the parser, with a hint where its words do not
// tell what is most often the cause.
func (f *File) syntax(diag *hcl.Diagnostic) {
	detail := diag.Detail
	switch {
	case strings.HasPrefix(diag.Summary, "Missing newline") && f.followsDigit(diag.Subject):
		detail += ` Durations, sizes and addresses are written in quotes, for example "60s" or "16MiB".`
	case strings.HasPrefix(diag.Summary, "Invalid single-argument block"):
		detail += " Write each setting on a line of its own."
	}
	p := problem{warning: diag.Severity == hcl.DiagWarning, summary: diag.Summary, detail: detail}
	if diag.Subject != nil {
		p.rng = *diag.Subject
	}
	f.problems = append(f.problems, p)
}

// followsDigit reports whether the range begins right after a digit.
func (f *File) followsDigit(r *hcl.Range) bool {
	return r != nil && r.Start.Byte > 0 && r.Start.Byte <= len(f.bytes) && unicode.IsDigit(rune(f.bytes[r.Start.Byte-1]))
}

// read decodes and checks all blocks of the file.
func (f *File) read(body *hclsyntax.Body) {
	d := &decoder{ctx: f.ctx, file: f}
	for _, attr := range inOrder(body.Attributes) {
		f.mask(attr.Expr)
		f.errorAt(nil, attr.Name, attr.NameRange, "Unsupported setting",
			fmt.Sprintf("There is no setting %q outside of blocks.%s", attr.Name, whereItBelongs(attr.Name)))
	}
	for _, block := range body.Blocks {
		k, ok := kinds[block.Type]
		if !ok {
			f.maskBody(block.Body)
			f.errorAt(nil, block.Type, block.TypeRange, "Unsupported block", unknownBlock(block.Type))
			continue
		}
		s := f.open(block, k) // also checked if it is not kept: all mistakes at once
		s.values = d.decode(s, block.Body, k.schema(), "")
		if block.Type == "route" {
			textWeights(s.values)
		}
		s.raw = f.check(s, layer(k.schema()), "", s.values)
	}
}

// check judges values by their schema and reports at their places. It returns
// the values as the schema writes them, nil if they are wrong. Values that do
// not stand in the file are not quoted.
func (f *File) check(s *section, o schema.Object, path string, values map[string]any) []byte {
	f.warnLiterals(s, o, path, values)
	text, err := json.Marshal(values)
	if err != nil {
		f.errorAt(s, path, s.header, "Invalid settings", fmt.Sprintf("The values cannot be encoded: %v.", err))
		return nil
	}
	raw, diags := hideExternal(o, s, path).Check(text)
	for _, d := range diags {
		f.judge(s, join(path, d.Path), d)
	}
	return raw
}

// judge reports a diagnostic about the setting at path, unless a mistake there
// has been reported already.
func (f *File) judge(s *section, path string, d schema.Diagnostic) {
	if s.isBroken(path) {
		return
	}
	at, exact := s.locate(path)
	rng := at.value
	if !exact || d.Summary == "Unsupported setting" || d.Warning {
		rng = at.name
	}
	f.problems = append(f.problems, problem{warning: d.Warning, section: s, path: path, rng: rng, summary: d.Summary, detail: d.Detail})
}

func (f *File) errorAt(s *section, path string, rng hcl.Range, summary, detail string) {
	f.problems = append(f.problems, problem{section: s, path: path, rng: rng, summary: summary, detail: detail})
}

func (f *File) warnAt(s *section, path string, rng hcl.Range, summary, detail string) {
	f.problems = append(f.problems, problem{warning: true, section: s, path: path, rng: rng, summary: summary, detail: detail})
}

// diagnostics renders the problems found so far.
func (f *File) diagnostics() Diagnostics {
	out := make(Diagnostics, 0, len(f.problems))
	for _, p := range f.problems {
		out = append(out, f.render(p))
	}
	return out.sorted()
}

func (f *File) render(p problem) Diagnostic {
	d := Diagnostic{Warning: p.warning, Summary: p.summary, Detail: f.scrub(p.detail), File: f.name, Path: p.path}
	if p.section != nil {
		d.Block = p.section.title
	}
	if p.rng.Start.Line > 0 {
		d.Line, d.Column = p.rng.Start.Line, p.rng.Start.Column
		d.Source, d.Mark = f.show(p.rng)
	}
	return d
}
