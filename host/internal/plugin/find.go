package plugin

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"

	"github.com/backplane-dev/backplane/sdk/schema"
)

// Prefix begins the file name of every provider binary; the provider's name
// follows.
const Prefix = "backplane-provider-"

var validName = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// Find returns the absolute path of the binary of the provider called name:
// explicitPath if it is given, else backplane-provider-<name> in dir. The error
// says what dir holds instead, and which of it was probably meant.
func Find(name, dir, explicitPath string) (string, error) {
	if !validName.MatchString(name) {
		return "", fmt.Errorf("provider name %q is not valid: use lower-case letters, digits and dashes", name)
	}
	path := explicitPath
	if path == "" {
		path = filepath.Join(dir, Prefix+name+exeSuffix())
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("find the binary of provider %q: %w", name, err)
	}
	err = checkExecutable(path)
	if err == nil {
		return path, nil
	}
	if errors.Is(err, fs.ErrNotExist) {
		if target, linkErr := os.Readlink(path); linkErr == nil {
			return "", fmt.Errorf("provider %q: %s is a link to %s, which does not exist", name, path, target)
		}
		if explicitPath == "" {
			return "", missing(name, dir)
		}
	}
	return "", fmt.Errorf("provider %q: %w", name, err)
}

// Installed lists the names of the providers that have a binary in dir, sorted.
func Installed(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, entry := range entries {
		name, ok := strings.CutPrefix(entry.Name(), Prefix)
		name = strings.TrimSuffix(name, exeSuffix())
		if ok && !entry.IsDir() && validName.MatchString(name) {
			names = append(names, name)
		}
	}
	return names, nil
}

// missing explains why there is no binary for name in dir.
func missing(name, dir string) error {
	file := Prefix + name + exeSuffix()
	names, err := Installed(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("provider %q: plugin directory %q does not exist: set plugin_dir to the directory that holds %s", name, dir, file)
	case err != nil:
		return fmt.Errorf("provider %q: read the plugin directory: %w", name, err)
	case len(names) == 0:
		return fmt.Errorf("provider %q: plugin directory %q holds no provider: put %s there, or set the provider's path", name, dir, file)
	}
	text := fmt.Sprintf("provider %q: %s is not in plugin directory %q, which has %s", name, file, dir, strings.Join(names, ", "))
	if near := schema.Nearest(name, names); near != "" {
		text += fmt.Sprintf("; did you mean %q?", near)
	}
	return errors.New(text)
}

// checkExecutable says in clear words why path cannot be run, as far as its
// directory entry tells.
func checkExecutable(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s: %w", path, fs.ErrNotExist)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s cannot be looked at by the host's user: %w", path, fs.ErrPermission)
	case err != nil:
		return fmt.Errorf("look at %s: %w", path, err)
	case info.IsDir():
		return fmt.Errorf("%s is a directory: name the binary itself", path)
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is not a regular file", path)
	case runtime.GOOS != "windows" && info.Mode().Perm()&0o111 == 0:
		return fmt.Errorf("%s is not executable: run chmod +x %s", path, path)
	}
	return nil
}

func exeSuffix() string {
	if runtime.GOOS == "windows" {
		return ".exe"
	}
	return ""
}
