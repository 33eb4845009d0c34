package plugintest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// binaryPrefix is how the host knows a plugin's binary.
const binaryPrefix = "backplane-provider-"

// binaries is where the plugins' binaries and the command's are, once they are
// built; it is removed at the end.
var binaries, errBinaries = "", error(nil)

var build = sync.OnceFunc(func() {
	if binaries, errBinaries = os.MkdirTemp("", "plugins-"); errBinaries != nil {
		return
	}
	mains, err := filepath.Glob(filepath.Join(plugins, "*", "main.go"))
	args := []string{"build", "-o", binaries + string(filepath.Separator), "../cmd/backplane"}
	for _, main := range mains {
		args = append(args, "./"+filepath.Base(filepath.Dir(main)))
	}
	if err == nil {
		cmd := exec.Command("go", args...)
		cmd.Dir = plugins
		var out []byte
		if out, err = cmd.CombinedOutput(); err != nil {
			err = fmt.Errorf("go build: %w\n%s", err, out)
		}
	}
	for _, main := range mains {
		if name := filepath.Base(filepath.Dir(main)); err == nil {
			err = os.Rename(filepath.Join(binaries, name), filepath.Join(binaries, binaryPrefix+name))
		}
	}
	errBinaries = err
})

// built returns the directory of the binaries.
func built(t *testing.T) string {
	t.Helper()
	if build(); errBinaries != nil {
		t.Fatal(errBinaries)
	}
	return binaries
}

func TestMain(m *testing.M) {
	code := m.Run()
	if binaries != "" {
		_ = os.RemoveAll(binaries) // what is left is the system's to tidy up
	}
	os.Exit(code)
}

var exampleBlock = regexp.MustCompile("(?s)```hcl\n(.*?)```")

// TestTheExamplesOfEveryReadmeAreValid lets the command check them with the
// plugins' own settings.
func TestTheExamplesOfEveryReadmeAreValid(t *testing.T) {
	t.Parallel()
	for _, name := range pluginNames(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			readme, err := os.ReadFile(filepath.Join(plugins, name, "README.md"))
			if err != nil {
				t.Fatal(err)
			}
			var config strings.Builder
			for _, block := range exampleBlock.FindAllStringSubmatch(string(readme), -1) {
				config.WriteString(block[1] + "\n")
			}
			if !strings.Contains(config.String(), "provider \""+name+"\"") || !strings.Contains(config.String(), "endpoint ") {
				t.Fatal("README.md has no example with a provider block and an endpoint")
			}
			file := filepath.Join(t.TempDir(), "config.hcl")
			if err := os.WriteFile(file, []byte(config.String()), 0o600); err != nil {
				t.Fatal(err)
			}
			dir := built(t)
			cmd := exec.CommandContext(t.Context(), filepath.Join(dir, "backplane"), "validate", "-config", file, "-plugin-dir", dir)
			cmd.Env = append(os.Environ(), keys...)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}

// keys are variables that the examples read.
var keys = []string{
	"OPENAI_API_KEY=k", "ANTHROPIC_API_KEY=k", "GEMINI_API_KEY=k", "GROQ_API_KEY=k", "HF_TOKEN=k", "VLLM_API_KEY=k", "S3_ACCESS_KEY=k", "S3_SECRET_KEY=k",
}
