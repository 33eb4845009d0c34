// Package binary holds the program of a plugin: its bytes are read once, and what
// is hashed and executed are these very bytes, whatever happens to the file
// meanwhile.
//
// On Linux they are kept in sealed memory (memfd_create with F_SEAL_WRITE), which
// nobody can change, not even a process of the same user. It can therefore be
// hashed when somebody wants to know: before the first start where binaries are
// pinned or signed, later where they are not. That memory is not given back while
// the program runs: count a binary's size for each plugin. Elsewhere, and where the kernel refuses sealed memory, they are copied to a
// file of mode 0500 in a folder of mode 0700.
//
// A script (#!) is executed where it stands, because its interpreter looks for
// the script's other files beside it. Its own bytes are hashed just before each
// start; who can write to its folder can still win that race.
package binary

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
)

// maxSize bounds a plugin's program; real ones have tens of megabytes.
const maxSize = 2 << 30

// Binary is a plugin's program. It is safe for concurrent use.
type Binary struct {
	path string
	size int64
	kind Kind

	hashed func()                 // makes the sum; nil if it was made by Open
	sum    atomic.Pointer[string] // nil until it is made

	mu     sync.Mutex
	kept   *os.File // the bytes; nil for scripts and once closed
	folder string   // of the copy, "" if there is none
	closed bool
}

// Kind says how surely the hashed bytes are those that run.
type Kind string

// The kinds.
const (
	Sealed Kind = "sealed" // memory that cannot be changed
	Copied Kind = "copied" // a private copy
	Script Kind = "script" // executed where it stands, hashed just before
)

// Open reads a program. Close it when no process of it is to be started any more;
// processes that run are not affected.
func Open(path string) (*Binary, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read the program: %w", err)
	}
	defer func() { _ = f.Close() }() // only read
	b := &Binary{path: path}
	head := make([]byte, 2)
	if _, err := f.ReadAt(head, 0); err != nil {
		return nil, fmt.Errorf("%s is too short to be a program", path)
	}
	if string(head) == "#!" {
		b.kind = Script
		err = b.digest(f, io.Discard)
		return b, b.named(err)
	}
	err = b.keep(f)
	if errors.Is(err, errors.ErrUnsupported) {
		if _, err = f.Seek(0, io.SeekStart); err == nil {
			err = b.copy(f)
		}
	}
	if err != nil {
		return nil, errors.Join(b.named(err), b.Close())
	}
	return b, nil
}

func (b *Binary) named(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("read the program %s: %w", b.path, err)
}

// digest copies and hashes the program.
func (b *Binary) digest(from io.Reader, to io.Writer) error {
	sum, size, err := digest(from, to)
	b.size = size
	b.setSum(sum)
	return err
}

func (b *Binary) setSum(sum string) { b.sum.Store(&sum) }

// digest copies and hashes, up to maxSize.
func digest(from io.Reader, to io.Writer) (sum string, size int64, err error) {
	hash := sha256.New()
	size, err = io.Copy(io.MultiWriter(to, hash), io.LimitReader(from, maxSize+1))
	if err == nil {
		err = checkSize(size)
	}
	return hex.EncodeToString(hash.Sum(nil)), size, err
}

func checkSize(size int64) error {
	if size > maxSize {
		return fmt.Errorf("it has more than %d bytes", maxSize)
	}
	return nil
}

// Path is where the program was read.
func (b *Binary) Path() string { return b.path }

// SHA256 is the hash of the bytes, in hexadecimal. Of sealed memory it is made
// when it is asked for first, which takes some 10 ms; "" if it was closed before.
func (b *Binary) SHA256() string {
	if b.hashed != nil {
		b.hashed()
	}
	return b.KnownSHA256()
}

// KnownSHA256 is the hash if it was made already, "" if not.
func (b *Binary) KnownSHA256() string {
	if sum := b.sum.Load(); sum != nil {
		return *sum
	}
	return ""
}

// Size is the number of bytes.
func (b *Binary) Size() int64 { return b.size }

// Kind says how surely the hashed bytes are those that run.
func (b *Binary) Kind() Kind { return b.kind }

// Command says what to execute: name for exec.Cmd.Path, and files to append to
// its ExtraFiles, of which the process has inherited before already. The program
// sees its own path as its first argument.
func (b *Binary) Command(inherited int) (name string, files []*os.File, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.closed:
		return "", nil, fmt.Errorf("the program %s was let go of", b.path)
	case b.kind == Script:
		return b.path, nil, b.unchanged()
	case b.kind == Copied:
		return b.kept.Name(), nil, nil
	default:
		// The number that the file will have in the child, whose /proc/self it is.
		const firstExtraFile = 3
		return "/proc/self/fd/" + strconv.Itoa(firstExtraFile+inherited), []*os.File{b.kept}, nil
	}
}

// unchanged hashes a script again.
func (b *Binary) unchanged() error {
	f, err := os.Open(b.path)
	if err != nil {
		return fmt.Errorf("read the script again: %w", err)
	}
	defer func() { _ = f.Close() }() // only read
	sum, _, err := digest(f, io.Discard)
	if was := b.KnownSHA256(); err == nil && sum != was {
		err = fmt.Errorf("the script was changed since: its sha256 was %s and is %s", was, sum)
	}
	return b.named(err)
}

// Close lets go of the bytes. It may be called more than once.
func (b *Binary) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	var err error
	if b.kept != nil {
		err = b.kept.Close()
		b.kept = nil
	}
	if b.folder != "" {
		err = errors.Join(err, os.RemoveAll(b.folder))
		b.folder = ""
	}
	return err
}
