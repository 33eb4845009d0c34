//go:build unix

package main

import (
	"bytes"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func TestAnAnswerGoesIntoAPipeAndDoesNotReplaceIt(t *testing.T) {
	t.Parallel()
	// A pipe stands for all that is no file: the device of the same kind that is
	// most often named, /dev/null, would be missed if this test failed.
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	reader, err := os.OpenFile(pipe, os.O_RDWR, 0) // both ends: neither side waits for the other
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reader.Close() }()
	if err := writeTo(pipe, nil, func(w io.Writer) error { _, err := io.WriteString(w, "answer"); return err }); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(pipe); err != nil || info.Mode().Type() != fs.ModeNamedPipe {
		t.Fatalf("the pipe is now %v (%v)", info.Mode(), err)
	}
	got := make([]byte, 6)
	if _, err := io.ReadFull(reader, got); err != nil || !bytes.Equal(got, []byte("answer")) {
		t.Errorf("the pipe got %q, %v", got, err)
	}
}
