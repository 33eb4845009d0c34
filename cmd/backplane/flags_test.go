package main

import (
	"flag"
	"slices"
	"strings"
	"testing"
)

// testFlags has one flag of each kind.
func testFlags() (*flag.FlagSet, *string, *bool, *listFlag) {
	fs := newFlagSet("backplane test")
	name := fs.String("name", "default", "a text")
	loud := fs.Bool("loud", false, "a switch")
	var list listFlag
	fs.Var(&list, "set", "a list")
	return fs, name, loud, &list
}

func TestFlagsMayFollowArguments(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		line string
		args []string
		name string
		loud bool
		list []string
	}{
		{"", nil, "default", false, nil},
		{"a b", []string{"a", "b"}, "default", false, nil},
		{"a -name x b -loud", []string{"a", "b"}, "x", true, nil},
		{"--name=x -loud=false a", []string{"a"}, "x", false, nil},
		{"-set a=1 x -set b=2", []string{"x"}, "default", false, []string{"a=1", "b=2"}},
		{"-name -loud", nil, "-loud", false, nil},
		{"-name - -", []string{"-"}, "-", false, nil},
		{"-loud -- -name x", []string{"-name", "x"}, "default", true, nil},
		{"-name -- a", []string{"a"}, "--", false, nil},
		{"-name a -name b", nil, "b", false, nil},
	} {
		fs, name, loud, list := testFlags()
		args, err := parseFlags(fs, strings.Fields(test.line))
		if err != nil {
			t.Errorf("%q: %v", test.line, err)
		}
		if !slices.Equal(args, test.args) || *name != test.name || *loud != test.loud || !slices.Equal(*list, test.list) {
			t.Errorf("%q: got %q, name %q, loud %v, list %q", test.line, args, *name, *loud, *list)
		}
	}
}

func TestWrongFlagsSayWhatWasMeant(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"-nam x":    "unknown flag -nam for 'backplane test'; did you mean -name?",
		"-name":     "flag -name needs a value; see 'backplane test -help'",
		"-loud=yes": `flag -loud: "yes" is wrong: it must be true or false`,
		"-zzzzzz":   "unknown flag -zzzzzz; see 'backplane test -help'",
	} {
		fs, _, _, _ := testFlags()
		_, err := parseFlags(fs, strings.Fields(line))
		if err == nil || err.Error() != want || exitCode(err) != exitUsage {
			t.Errorf("%q: got %v, want %s", line, err, want)
		}
	}
}

// Help is written by hand; this keeps it honest.
func TestHelpNamesEveryFlagAndCommand(t *testing.T) {
	t.Parallel()
	var walk func(cmd *command, path string)
	walk = func(cmd *command, path string) {
		if cmd.setup != nil {
			fs := newFlagSet(path)
			cmd.setup(fs)
			defined := map[string]bool{}
			fs.VisitAll(func(f *flag.Flag) {
				defined[f.Name] = true
				if !strings.Contains(cmd.usage, "\n  -"+f.Name+" ") {
					t.Errorf("the help of '%s' does not list -%s", path, f.Name)
				}
			})
			for _, line := range strings.Split(cmd.usage, "\n") {
				name, ok := strings.CutPrefix(line, "  -")
				name, _, _ = strings.Cut(name, " ")
				if ok && !defined[name] {
					t.Errorf("the help of '%s' lists -%s, which does not exist", path, name)
				}
			}
		}
		if !strings.Contains(cmd.usage, "\nUsage:\n  backplane") || !strings.HasSuffix(cmd.usage, "\n") {
			t.Errorf("the help of '%s' has no usage lines or no end", path)
		}
		for _, line := range strings.Split(cmd.usage, "\n") {
			if len(line) > 110 {
				t.Errorf("the help of '%s' has a line of %d characters", path, len(line))
			}
		}
		for _, sub := range cmd.sub {
			full := path + " " + sub.name
			if !strings.Contains(cmd.usage, "  "+sub.name+" ") && !strings.Contains(cmd.usage, full) {
				t.Errorf("the help of '%s' does not name %s", path, sub.name)
			}
			walk(sub, full)
		}
	}
	walk(root(), "backplane")
}
