package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Another revision is built from what was committed in it, beside the tree, and
// nothing of it is left.
func TestARevisionIsBuiltInAWorktreeOfItsOwn(t *testing.T) {
	emptyRepository(t)
	write := func(says string) {
		t.Helper()
		if err := os.MkdirAll("scripts", 0o750); err != nil {
			t.Fatal(err)
		}
		build := "#!/bin/sh\nset -e\ncd \"$(dirname \"$0\")/..\"\nmkdir bin\necho " + says + " >bin/backplane\n"
		if err := os.WriteFile(filepath.Join("scripts", "build"), []byte(build), 0o750); err != nil {
			t.Fatal(err)
		}
	}
	write("old")
	git(t, "add", "scripts")
	git(t, "commit", "--quiet", "--message", "old")
	write("new")

	bin, remove, err := buildRevision(t.Context(), "HEAD")
	defer remove()
	if err != nil {
		t.Fatal(err)
	}
	built, err := os.ReadFile(filepath.Join(bin, "backplane"))
	if err != nil || strings.TrimSpace(string(built)) != "old" {
		t.Errorf("HEAD was built as %q (%v), want what was committed", built, err)
	}
	if _, err := os.Stat("bin"); !os.IsNotExist(err) {
		t.Errorf("building HEAD left something in the tree: %v", err)
	}
	remove()
	if _, err := os.Stat(filepath.Dir(filepath.Dir(bin))); !os.IsNotExist(err) {
		t.Errorf("what HEAD was built in is still there: %v", err)
	}
	if list := git(t, "worktree", "list", "--porcelain"); strings.Count(list, "worktree ") != 1 {
		t.Errorf("a worktree is left:\n%s", list)
	}
}

func TestAnUnknownRevisionIsNamed(t *testing.T) {
	emptyRepository(t)
	_, remove, err := buildRevision(t.Context(), "nowhere")
	defer remove()
	if err == nil || !strings.Contains(err.Error(), `"nowhere"`) {
		t.Errorf("error = %v, want one that names the revision", err)
	}
}

// emptyRepository makes a repository and goes there. Variables that git sets for its
// hooks name another one.
func emptyRepository(t *testing.T) {
	t.Helper()
	for _, name := range []string{"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR"} {
		t.Setenv(name, "") // which puts it back at the end
		if err := os.Unsetenv(name); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(t.TempDir())
	git(t, "init", "--quiet")
}

func git(t *testing.T, args ...string) string {
	t.Helper()
	c := exec.CommandContext(t.Context(), "git", append([]string{"-c", "user.name=test", "-c", "user.email=test@example.com"}, args...)...)
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}
