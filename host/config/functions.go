package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// maxIncluded bounds what file() reads: keys and prompts, not data.
const maxIncluded = 1 << 20

// functionError carries the words that the operator sees when a function fails.
type functionError struct{ summary, detail string }

func (e *functionError) Error() string { return e.detail }

// evalContext offers env() and file() to a file in the folder dir.
func evalContext(dir string, env LookupEnv) *hcl.EvalContext {
	return &hcl.EvalContext{Functions: map[string]function.Function{
		"env":  envFunction(env),
		"file": fileFunction(dir),
	}}
}

// envFunction is env("NAME") and env("NAME", "default"). A variable that is set
// but empty is an empty string.
func envFunction(env LookupEnv) function.Function {
	return function.New(&function.Spec{
		Params:   []function.Parameter{{Name: "name", Type: cty.String}},
		VarParam: &function.Parameter{Name: "default", Type: cty.String},
		Type:     function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			name := args[0].AsString()
			if len(args) > 2 {
				return cty.NilVal, &functionError{"Too many arguments", fmt.Sprintf("env() takes a name and at most one default: write env(%q, \"...\").", name)}
			}
			if value, ok := env.get(name); ok {
				return external(value), nil
			}
			if len(args) == 2 {
				return external(args[1].AsString()), nil
			}
			return cty.NilVal, &functionError{"Environment variable not set",
				fmt.Sprintf("The environment variable %s is not set. Set it, or give a default: env(%q, \"...\").", name, name)}
		},
	})
}

// fileFunction is file("path"): a text file's content without the white space
// around it. A relative path begins at the configuration file's folder.
func fileFunction(dir string) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "path", Type: cty.String}},
		Type:   function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			path := args[0].AsString()
			if !filepath.IsAbs(path) {
				path = filepath.Join(dir, path)
			}
			text, err := readText(path)
			if err != nil {
				return cty.NilVal, &functionError{"File not read",
					fmt.Sprintf("Cannot read %q: %v. A relative path begins at the folder of the configuration file.", path, err)}
			}
			return external(strings.TrimSpace(text)), nil
		},
	})
}

func readText(path string) (string, error) {
	info, err := os.Stat(path) // before Open, which would wait at a pipe
	if err != nil {
		return "", reason(err)
	}
	if !info.Mode().IsRegular() {
		return "", errors.New("it is not a regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return "", reason(err)
	}
	defer func() { _ = f.Close() }() // read only
	data, err := io.ReadAll(io.LimitReader(f, maxIncluded+1))
	switch {
	case err != nil:
		return "", reason(err)
	case len(data) > maxIncluded:
		return "", errors.New("it is larger than 1MiB")
	case !utf8.Valid(data):
		return "", errors.New("it is not UTF-8 text")
	}
	return string(data), nil
}

// reason is the error without the path, which the message names already.
func reason(err error) error {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err
	}
	return err
}

func external(s string) cty.Value { return cty.StringVal(s).Mark(externalMark{}) }
