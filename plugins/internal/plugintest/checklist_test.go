package plugintest

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// plugins is the folder of all plugins, seen from here.
var plugins = filepath.Join("..", "..")

// Rows of the page, and the tests that a cell names: `folder: TestOne, TestTwo`.
// A test of a suite that several plugins pass is TestSuite/its_name.
var (
	checklistRow = regexp.MustCompile(`(?m)^\| ([A-Z][0-9]{2,3}) \| ([^|]+) \| ([^|]+) \|$`)
	namedTests   = regexp.MustCompile("`([a-z0-9/-]+): ((?:Test|Fuzz)[^`]+)`")
	testName     = regexp.MustCompile(`^((?:Test|Fuzz)\w+)(?:/(\S+))?$`)
	suiteCall    = regexp.MustCompile(`^t \*testing\.T\) \{\s*(\w+test)\.Run\(t, `)
)

// TestTheChecklistNamesTestsThatExist keeps CHECKLIST.md honest.
func TestTheChecklistNamesTestsThatExist(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join(plugins, "CHECKLIST.md"))
	if err != nil {
		t.Fatal(err)
	}
	rows := checklistRow.FindAllStringSubmatch(string(page), -1)
	if len(rows) < 200 {
		t.Errorf("only %d rows were read", len(rows))
	}
	seen, sources := map[string]bool{}, map[string]string{}
	for _, row := range rows {
		id, shown := row[1], row[3]
		if seen[id] {
			t.Errorf("%s is there twice", id)
		}
		seen[id] = true
		if !namedTests.MatchString(shown) && !strings.HasPrefix(shown, "*left out*: ") {
			t.Errorf("%s names no test and no reason", id)
		}
	}
	for n, line := range strings.Split(string(page), "\n") {
		for _, named := range namedTests.FindAllStringSubmatch(line, -1) {
			for name := range strings.SplitSeq(named[2], ", ") {
				if why := missingTest(t, sources, named[1], name); why != "" {
					t.Errorf("CHECKLIST.md:%d: %s", n+1, why)
				}
			}
		}
	}
}

// missingTest says what is wrong with a named test, "" if it is there.
func missingTest(t *testing.T, sources map[string]string, folder, name string) string {
	t.Helper()
	parts := testName.FindStringSubmatch(name)
	if parts == nil {
		return name + " is not the name of a test"
	}
	_, after, found := strings.Cut(sourcesIn(t, sources, filepath.FromSlash(folder), "*_test.go"), "\nfunc "+parts[1]+"(")
	if !found {
		return "there is no " + parts[1] + " in " + folder
	}
	if parts[2] == "" {
		return ""
	}
	suite := suiteCall.FindStringSubmatch(after)
	if suite == nil {
		return parts[1] + " in " + folder + " runs no suite"
	}
	for _, depth := range []string{"*", filepath.Join("*", "*")} {
		all := sourcesIn(t, sources, filepath.Join("plugins", "internal", depth, suite[1]), "*.go")
		if strings.Contains(all, `"`+strings.ReplaceAll(parts[2], "_", " ")+`"`) {
			return ""
		}
	}
	return "the suite " + suite[1] + " has no " + parts[2]
}

// sourcesIn returns the files of a folder, which it keeps.
func sourcesIn(t *testing.T, sources map[string]string, folder, pattern string) string {
	t.Helper()
	if _, known := sources[folder]; known {
		return sources[folder]
	}
	files, err := filepath.Glob(filepath.Join(plugins, "..", folder, pattern))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		sources[folder] += string(text)
	}
	return sources[folder]
}

// TestTheChecklistHasEveryPlugin looks for the folders in the page's headings.
func TestTheChecklistHasEveryPlugin(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join(plugins, "CHECKLIST.md"))
	if err != nil {
		t.Fatal(err)
	}
	headings := map[string]bool{"echo": true} // the sample covers no service
	for line := range strings.Lines(string(page)) {
		if _, names, ok := strings.Cut(strings.TrimSpace(line), ": "); ok && strings.HasPrefix(line, "## ") {
			for name := range strings.SplitSeq(names, ", ") {
				headings[name] = true
			}
		}
	}
	for _, name := range pluginNames(t) {
		if !headings[name] {
			t.Errorf("no heading of CHECKLIST.md ends with %s", name)
		}
		faults := regexp.MustCompile(`(?m)^\| ` + name + " \\|(?: [^|]*`[^|]*`[^|]* \\|){3}$")
		if name != "echo" && !strings.HasSuffix(name, "-unified") && !faults.Match(page) {
			t.Errorf("CHECKLIST.md has no row of faults for %s with tests in all columns", name)
		}
	}
}

// pluginNames are the folders that hold a plugin.
func pluginNames(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(plugins, "*", "main.go"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, file := range files {
		names = append(names, filepath.Base(filepath.Dir(file)))
	}
	if len(names) < 14 {
		t.Fatalf("only %v were found", names)
	}
	return names
}
