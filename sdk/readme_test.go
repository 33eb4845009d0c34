package sdk_test

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/sdk/provider"
)

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestReadmeShowsTheExampleThatCompiles(t *testing.T) {
	t.Parallel()
	if !strings.Contains(read(t, "README.md"), "```go\n"+read(t, "examples/hello/main.go")+"```\n") {
		t.Error("the complete provider in README.md differs from examples/hello/main.go; copy the file into it")
	}
}

func TestReadmeTableOfErrorsIsTrue(t *testing.T) {
	t.Parallel()
	yes := map[bool]string{true: "yes", false: "no"}
	row := regexp.MustCompile("(?m)^\\| (`[a-z_`, ]+`) \\| .* \\| (yes|no) \\| (yes|no) \\| ([0-9, ]+) \\|$")
	listed := map[provider.Code]bool{}
	for _, m := range row.FindAllStringSubmatch(read(t, "README.md"), -1) {
		names, statuses := strings.Split(m[1], ", "), strings.Split(m[4], ", ")
		for i, name := range names {
			code := provider.Code(strings.Trim(name, "`"))
			listed[code] = true
			status := statuses[min(i, len(statuses)-1)]
			if m[2] != yes[code.Transient()] || m[3] != yes[code.Failure()] || status != fmt.Sprint(code.HTTPStatus()) {
				t.Errorf("%s: README.md says %s, %s, %s; want %s, %s, %d", code, m[2], m[3], status,
					yes[code.Transient()], yes[code.Failure()], code.HTTPStatus())
			}
		}
	}
	for _, code := range provider.Codes() {
		if !listed[code] {
			t.Errorf("README.md does not list the code %s", code)
		}
	}
}
