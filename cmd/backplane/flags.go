package main

import (
	"errors"
	"flag"
	"os"
	"strings"
	"time"

	"github.com/backplane-dev/backplane/host/config"
	"github.com/backplane-dev/backplane/sdk/schema"
)

// parseFlags sets the flags found in args and returns the other arguments.
// Unlike [flag.FlagSet.Parse] it takes flags after positional arguments as
// well, and names the nearest flag for an unknown one. "--" ends the flags.
func parseFlags(fs *flag.FlagSet, args []string) ([]string, error) {
	var positional []string
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		if arg == "--" {
			return append(positional, args...), nil
		}
		if len(arg) < 2 || arg[0] != '-' {
			positional = append(positional, arg)
			continue
		}
		name, value, hasValue := strings.Cut(strings.TrimPrefix(arg[1:], "-"), "=")
		f := fs.Lookup(name)
		if f == nil {
			return nil, unknownFlag(fs, name)
		}
		if !hasValue {
			switch {
			case isBool(f):
				value = "true"
			case len(args) == 0:
				return nil, usagef("flag -%s needs a value; see '%s -help'", name, fs.Name())
			default:
				value, args = args[0], args[1:]
			}
		}
		if err := fs.Set(name, value); err != nil {
			return nil, usagef("flag -%s: %q is wrong: %s", name, value, wanted(f, err))
		}
	}
	return positional, nil
}

func isBool(f *flag.Flag) bool {
	b, ok := f.Value.(interface{ IsBoolFlag() bool })
	return ok && b.IsBoolFlag()
}

// wanted says what a flag's value must be; err is what the flag itself said.
func wanted(f *flag.Flag, err error) string {
	if g, ok := f.Value.(flag.Getter); ok {
		switch g.Get().(type) {
		case bool:
			return "it must be true or false"
		case int:
			return "it must be a whole number"
		case time.Duration:
			return "it must be a duration with its unit, such as 30s"
		}
	}
	return plain(err).Error()
}

// plain returns the innermost cause: the flag package says "parse error" around
// errors of ours that say more.
func plain(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}

func unknownFlag(fs *flag.FlagSet, name string) error {
	var names []string
	fs.VisitAll(func(f *flag.Flag) { names = append(names, f.Name) })
	if near := schema.Nearest(name, names); near != "" {
		return usagef("unknown flag -%s for '%s'; did you mean -%s?", name, fs.Name(), near)
	}
	return usagef("unknown flag -%s; see '%s -help'", name, fs.Name())
}

// wantArgs checks the number of positional arguments against their names.
func wantArgs(fs *flag.FlagSet, args []string, names ...string) error {
	if len(args) < len(names) {
		return usagef("'%s' needs %s; see '%s -help'", fs.Name(), strings.Join(names[len(args):], " and "), fs.Name())
	}
	if len(args) > len(names) {
		return usagef("'%s' does not know what to do with %q; see '%s -help'", fs.Name(), args[len(names)], fs.Name())
	}
	return nil
}

func addrFlag(fs *flag.FlagSet) *string {
	return fs.String("addr", envOr("BACKPLANE_ADDR", "http://127.0.0.1:8080"), "address of the HTTP API")
}

func adminFlag(fs *flag.FlagSet) *string {
	return fs.String("admin", envOr("BACKPLANE_ADMIN", config.DefaultAdminAddr()), "address of the admin API")
}

func jsonFlag(fs *flag.FlagSet) *bool {
	return fs.Bool("json", false, "print JSON")
}

func envOr(name, fallback string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return fallback
}

// listFlag collects the values of a flag that may be given more than once.
type listFlag []string

func (l *listFlag) String() string { return strings.Join(*l, ",") }

func (l *listFlag) Set(value string) error {
	*l = append(*l, value)
	return nil
}
