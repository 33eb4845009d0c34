package plugintest

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// In a README's table of errors: the statuses that a row names, and words of the
// service's or classes.
var (
	statusIn = regexp.MustCompile(`\b[345][0-9]{2}\b`)
	wordIn   = regexp.MustCompile("`([^`]+)`")
)

// TestEachErrorOfAReadmeHasAGoldenCase holds the tables of errors against
// testdata/errors.json: for each status with a class there is a case, and each
// word of the service's stands in one.
func TestEachErrorOfAReadmeHasAGoldenCase(t *testing.T) {
	t.Parallel()
	for _, name := range pluginNames(t) {
		if name == "echo" || name == "s3-kit" || strings.HasSuffix(name, "-unified") {
			continue // no errors of a service; a table of its own, and test; the plugin that it contains has them
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			golden, err := os.ReadFile(filepath.Join(plugins, name, "testdata", "errors.json"))
			if err != nil {
				t.Fatal(err)
			}
			var cases []errorCase
			if err := json.Unmarshal(golden, &cases); err != nil {
				t.Fatal(err)
			}
			seen := map[string]bool{}
			for _, c := range cases {
				status, _ := json.Marshal(c.Status) // numbers always encode
				seen[string(status)+" "+string(c.Want.Code)] = true
			}
			rows := errorRows(t, name)
			if len(rows) < 6 {
				t.Errorf("README.md has %d rows of errors", len(rows))
			}
			for _, row := range rows {
				for _, status := range row.statuses {
					if !slices.ContainsFunc(row.classes, func(class string) bool { return seen[status+" "+class] }) {
						t.Errorf("no case has the status %s and one of %q", status, row.classes)
					}
				}
				for _, word := range row.words {
					if !strings.Contains(strings.ToLower(string(golden)), strings.ToLower(word)) {
						t.Errorf("no case has %q", word)
					}
				}
			}
		})
	}
}

// errorRow is a row of a table of errors: what the service answers, its class,
// whether it is retried.
type errorRow struct{ statuses, words, classes []string }

// errorRows reads the tables below the heading Errors.
func errorRows(t *testing.T, plugin string) []errorRow {
	t.Helper()
	readme, err := os.ReadFile(filepath.Join(plugins, plugin, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(readme), "# Errors\n")
	section, _, _ = strings.Cut(section, "\n## ")
	var rows []errorRow
	for line := range strings.Lines(section) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "| "), " | ")
		classes := wordsIn(cells[max(len(cells)-2, 0)])
		if !strings.HasPrefix(line, "|") || len(classes) == 0 {
			continue
		}
		if slices.Contains(classes, "protocol") {
			continue // answers that are none: streams and answers that break
		}
		answer := strings.Join(cells[:len(cells)-2], " ")
		rows = append(rows, errorRow{statuses: statusIn.FindAllString(answer, -1), words: wordsIn(answer), classes: classes})
	}
	return rows
}

// wordsIn are the words in code, without the dots and the 'x' that stand for
// anything.
func wordsIn(cell string) []string {
	var words []string
	for _, m := range wordIn.FindAllStringSubmatch(cell, -1) {
		for part := range strings.SplitSeq(strings.ReplaceAll(m[1], "'x'", "..."), "...") {
			if part = strings.TrimSpace(part); part != "" {
				words = append(words, part)
			}
		}
	}
	return words
}
