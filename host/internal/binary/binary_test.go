package binary

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// TestMain makes the test's own program one that can be run: it says which
// version it is.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "say" {
		_, _ = os.Stdout.WriteString("original\n")
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// program copies the test's own program into a folder of the test.
func program(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(path, data, 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func run(t *testing.T, b *Binary, inherited ...*os.File) (string, error) {
	t.Helper()
	name, files, err := b.Command(len(inherited))
	if err != nil {
		return "", err
	}
	cmd := exec.Command(name, "say")
	cmd.ExtraFiles = append(inherited, files...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func TestWhatRunsAreTheBytesThatWereHashed(t *testing.T) {
	t.Parallel()
	path := program(t)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	// The file is replaced by another program, and even written over in place,
	// before anybody has asked for the hash.
	if err := os.WriteFile(path, []byte("#!/bin/sh\necho replaced\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(data)
	if b.SHA256() != hex.EncodeToString(sum[:]) || b.Size() != int64(len(data)) || b.Path() != path {
		t.Errorf("sha256 %s of %d bytes", b.SHA256(), b.Size())
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	for _, inherited := range [][]*os.File{nil, {null}, {null, null}} {
		if out, err := run(t, b, inherited...); err != nil || !strings.HasPrefix(out, "original\n") {
			t.Errorf("with %d inherited files: %q, %v", len(inherited), out, err)
		}
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	if _, err := run(t, b); err == nil {
		t.Error("a program that was closed still runs")
	}
	if err := b.Close(); err != nil {
		t.Errorf("closed twice: %v", err)
	}
}

func TestTheKeptBytesCannotBeChanged(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		return // there is no sealed memory
	}
	b, err := Open(program(t))
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if b.Kind() != Sealed {
		t.Fatalf("kept as %q", b.Kind())
	}
	if _, err := b.kept.WriteAt([]byte("x"), 0); err == nil {
		t.Error("sealed memory was written to")
	}
	if err := b.kept.Truncate(1); err == nil {
		t.Error("sealed memory was cut")
	}
}

func TestTheHashIsMadeWhenItIsAskedFor(t *testing.T) {
	t.Parallel()
	path := program(t)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(data)
	want := hex.EncodeToString(sum[:])
	asked, unasked := openBinary(t, path), openBinary(t, path)
	if asked.Kind() == Sealed && asked.KnownSHA256() != "" {
		t.Error("the hash was made before anybody asked")
	}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if got := asked.SHA256(); got != want {
				t.Errorf("got %q", got)
			}
		})
	}
	all.Wait()
	for _, b := range []*Binary{asked, unasked} {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	}
	if asked.KnownSHA256() != want || asked.SHA256() != want {
		t.Error("the hash is forgotten once the bytes are let go of")
	}
	if unasked.Kind() == Sealed && unasked.SHA256() != "" {
		t.Error("bytes that are gone have a hash")
	}
}

func openBinary(t *testing.T, path string) *Binary {
	t.Helper()
	b, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

func TestACopyRunsWhereThereIsNoSealedMemory(t *testing.T) {
	t.Parallel()
	path := program(t)
	from, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	b := &Binary{path: path}
	if err := b.copy(from); err != nil {
		t.Fatal(err)
	}
	folder := b.folder
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if out, err := run(t, b); err != nil || !strings.HasPrefix(out, "original\n") {
		t.Errorf("%q, %v", out, err)
	}
	if info, err := os.Stat(folder); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("folder of the copy: %v, %v", info, err)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(folder); !os.IsNotExist(err) {
		t.Errorf("the copy is still there: %v", err)
	}
}

func TestAScriptRunsInItsFolderAndIsHashedBeforeEachStart(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(path, []byte("#!/bin/sh\necho \"$0\"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	b, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if out, err := run(t, b); err != nil || strings.TrimSpace(out) != path || b.Kind() != Script {
		t.Errorf("%q, %v, %s", out, err, b.Kind())
	}
	if err := os.WriteFile(path, []byte("#!/bin/sh\necho changed\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := run(t, b); err == nil || !strings.Contains(err.Error(), "was changed since") {
		t.Errorf("a changed script: %v", err)
	}
}

func TestAFileThatIsNoProgramIsRefused(t *testing.T) {
	t.Parallel()
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, nil, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(empty); err == nil || !strings.Contains(err.Error(), "too short") {
		t.Errorf("an empty file: %v", err)
	}
	if _, err := Open(filepath.Join(t.TempDir(), "none")); !os.IsNotExist(err) && (err == nil || !strings.Contains(err.Error(), "no such file")) {
		t.Errorf("no file: %v", err)
	}
}
