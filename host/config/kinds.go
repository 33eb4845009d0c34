package config

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/backplane-dev/backplane/sdk/schema"
)

// kind is a kind of block at the top of the file.
type kind struct {
	// label says what the block's label is, "" if it has none.
	label  string
	schema func() schema.Object
	// example shows how the block begins.
	example string
	list    func(*File) *[]*section
	single  func(*File) **section
}

var kinds = map[string]kind{
	"server":   {schema: serverBlock, example: "server { ... }", single: func(f *File) **section { return &f.server }},
	"log":      {schema: logBlock, example: "log { ... }", single: func(f *File) **section { return &f.log }},
	"provider": {label: "the provider's name", schema: providerBlock, example: `provider "openai" { ... }`, list: func(f *File) *[]*section { return &f.providers }},
	"endpoint": {label: "the endpoint's id", schema: endpointBlock, example: `endpoint "fast" { ... }`, list: func(f *File) *[]*section { return &f.endpoints }},
	"route":    {label: "a model name or pattern", schema: routeBlock, example: `route "gpt-*" { ... }`, list: func(f *File) *[]*section { return &f.routes }},
}

func kindNames() []string { return slices.Sorted(maps.Keys(kinds)) }

func unknownBlock(name string) string {
	text := fmt.Sprintf("There is no block %q at the top of the file.", name)
	if near := schema.Nearest(name, kindNames()); near != "" {
		return text + fmt.Sprintf(" Did you mean %q?", near)
	}
	return text + whereItBelongs(name) + " The blocks are " + strings.Join(kindNames(), ", ") + "."
}

// whereItBelongs says in which blocks a misplaced setting or block is known.
func whereItBelongs(name string) string {
	var in []string
	for _, kindName := range kindNames() {
		o := kinds[kindName].schema()
		_, isAttr := findAttribute(o, name)
		_, isBlock := findBlock(o, name)
		if isAttr || isBlock {
			in = append(in, kindName)
		}
	}
	if len(in) == 0 {
		return ""
	}
	return " It belongs into a block " + strings.Join(in, " or ") + "."
}

// open makes the section of a block at the top of the file and keeps it, unless
// its labels are wrong or it is there twice, which is reported.
func (f *File) open(block *hclsyntax.Block, k kind) *section {
	s := newSection(block.Type, block.DefRange())
	switch {
	case k.label == "" && len(block.Labels) > 0:
		f.errorAt(s, "", block.LabelRanges[0], "Label not allowed", fmt.Sprintf("The block %q takes no label: write %s.", block.Type, k.example))
	case k.label == "":
		f.keepSingle(s, block, k.single(f))
	case len(block.Labels) == 0:
		f.errorAt(s, "", block.DefRange(), "Label missing", fmt.Sprintf("The block %q needs a label, %s: write %s.", block.Type, k.label, k.example))
	case len(block.Labels) > 1:
		f.errorAt(s, "", block.LabelRanges[1], "Too many labels", fmt.Sprintf("The block %q takes one label, %s: write %s.", block.Type, k.label, k.example))
	default:
		s.label, s.labelRange = block.Labels[0], block.LabelRanges[0]
		s.title = fmt.Sprintf("%s %q", block.Type, s.label)
		f.keepLabeled(s, block.Type, k.list(f))
	}
	return s
}

func (f *File) keepSingle(s *section, block *hclsyntax.Block, kept **section) {
	if first := *kept; first != nil {
		f.errorAt(s, "", block.TypeRange, "Duplicate block",
			fmt.Sprintf("Only one block %q is allowed; the first is at %s.", block.Type, position(first.header)))
		return
	}
	*kept = s
}

func (f *File) keepLabeled(s *section, kindName string, kept *[]*section) {
	if detail := labelMistake(kindName, s.label); detail != "" {
		f.errorAt(s, "", s.labelRange, "Invalid label", detail)
		return
	}
	for _, other := range *kept {
		if sameLabel(kindName, other.label, s.label) {
			f.errorAt(s, "", s.labelRange, "Duplicate block",
				fmt.Sprintf("The %s %q is declared already, at %s. Rename or remove one of them.", kindName, other.label, position(other.header)))
			return
		}
	}
	*kept = append(*kept, s)
}

// sameLabel reports whether two labels mean the same. Patterns are matched
// without regard to case, exact names are not.
func sameLabel(kindName, a, b string) bool {
	return a == b || kindName == "route" && strings.ContainsAny(a, "*?") && strings.EqualFold(a, b)
}

var (
	providerName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$`)
	endpointID   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)
	routePattern = regexp.MustCompile(`^[A-Za-z0-9._:/@+~*?-]{1,256}$`)
)

// reservedIDs are endpoint ids with a meaning of their own on the command line.
var reservedIDs = []string{"all"}

// labelMistake says what is wrong with a label, "" if nothing is.
func labelMistake(kindName, label string) string {
	switch kindName {
	case "provider":
		if !providerName.MatchString(label) {
			return fmt.Sprintf("%q cannot be the name of a provider: write lower-case letters, digits and dashes, as in the name of its binary, backplane-provider-<name>.", label)
		}
	case "endpoint":
		return idMistake(label)
	case "route":
		if !routePattern.MatchString(label) {
			return fmt.Sprintf("%q cannot be a route: write a model name, or a pattern with * for any text and ? for any character.", label)
		}
	}
	return ""
}

// idMistake says what is wrong with an endpoint's id, "" if nothing is.
func idMistake(id string) string {
	if slices.Contains(reservedIDs, id) {
		return fmt.Sprintf("%q is reserved and cannot be the id of an endpoint: write another.", id)
	}
	if !endpointID.MatchString(id) {
		return fmt.Sprintf("%q cannot be the id of an endpoint: write letters, digits, dots, dashes and underscores, a letter or digit first, at most 64 characters.", id)
	}
	return ""
}

// Schema returns the schemas of the host's own blocks by their names, for help
// and documentation. The settings blocks in them are empty: plugins declare
// them.
func Schema() map[string]schema.Object {
	all := make(map[string]schema.Object, len(kinds))
	for name, k := range kinds {
		all[name] = k.schema()
	}
	return all
}
