package plugintest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// translating are the plugins of services that do not speak OpenAI's dialect,
// and echo, which is a service itself. All others are a dialect and what
// differs.
var translating = map[string]bool{
	"claude": true, "echo": true, "gemini": true, "llvm": true, "ollama": true, "ovms": true, "s3-kit": true,
}

// longestDialect is how many lines of its own such a plugin may have.
const longestDialect = 150

func TestADialectIsShort(t *testing.T) {
	t.Parallel()
	for _, name := range pluginNames(t) {
		lines := 0
		for _, source := range sourcesOf(t, name) {
			lines += strings.Count(source, "\n")
		}
		if lines == 0 || lines >= longestDialect && !translating[name] {
			t.Errorf("%s has %d lines of its own, and may have %d: let it share what others have too", name, lines, longestDialect)
		}
	}
}

// sourcesOf are a plugin's own files without tests, by name.
func sourcesOf(t *testing.T, plugin string) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(plugins, plugin, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	sources := map[string]string{}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		sources[plugin+"/"+filepath.Base(file)] = string(text)
	}
	return sources
}

// longestCopy is how many lines of code two plugins may have in common.
const longestCopy = 10

func TestNoTwoPluginsShareALongBlock(t *testing.T) {
	t.Parallel()
	first := map[string][2]string{} // where a block stands, by its text: plugin and place
	for _, name := range pluginNames(t) {
		for file, source := range sourcesOf(t, name) {
			lines := codeLines(source)
			for i := range len(lines) - longestCopy {
				block := strings.Join(lines[i:i+longestCopy+1], "\n")
				if at, there := first[block]; there && at[0] != name {
					t.Errorf("%s and %s share more than %d lines, from %q on: let one package hold them", at[1], file, longestCopy, lines[i])
					break
				}
				first[block] = [2]string{name, file}
			}
		}
	}
}

// codeLines are the lines that say something: no comments, imports, nor brackets
// alone.
func codeLines(source string) []string {
	var lines []string
	imports := false
	for line := range strings.Lines(source) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "import"):
			imports = strings.HasSuffix(line, "(")
		case imports:
			imports = line != ")"
		case strings.HasPrefix(line, "//"), strings.Trim(line, "(){}[], ") == "":
		default:
			lines = append(lines, line)
		}
	}
	return lines
}

func TestCopiedLinesAreFound(t *testing.T) {
	t.Parallel()
	got := codeLines("package p\n\nimport (\n\t\"io\"\n)\n\n// A comment.\nfunc f() {\n\tg()\n}\n")
	if strings.Join(got, "|") != "package p|func f() {|g()" {
		t.Errorf("got %q", got)
	}
}

// linked are the modules that a plugin may be made of: this one, and what the
// wire to the host is made of. SDKs of services are none of them.
var linked = []string{
	"github.com/backplane-dev/backplane", "github.com/hashicorp/go-plugin", "github.com/hashicorp/go-hclog", "github.com/hashicorp/yamux",
	"github.com/fatih/color", "github.com/mattn/go-colorable", "github.com/mattn/go-isatty", "github.com/oklog/run",
	"github.com/golang/protobuf", "google.golang.org/grpc", "google.golang.org/protobuf", "google.golang.org/genproto/googleapis/rpc",
	"golang.org/x/net", "golang.org/x/sys", "golang.org/x/text",
}

func TestNoPluginIsLinkedWithTheSDKOfAService(t *testing.T) {
	t.Parallel()
	args := []string{"list", "-deps", "-f", `{{with .Module}}{{.Path}}{{end}}`}
	for _, name := range pluginNames(t) {
		args = append(args, "./"+name)
	}
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = plugins
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	allowed, found := map[string]bool{}, map[string]bool{}
	for _, module := range linked {
		allowed[module] = true
	}
	for module := range strings.FieldsSeq(string(out)) {
		if !found[module] && !allowed[module] {
			t.Errorf("a plugin is linked with %s: speak to the service by sdk/rest", module)
		}
		found[module] = true
	}
	if !found["google.golang.org/grpc"] {
		t.Error("go list found nothing")
	}
}
