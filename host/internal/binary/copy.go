package binary

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// copy keeps the bytes in a file that is executed in place of the original. Its
// name is that of the original, since programs look at their own.
func (b *Binary) copy(from io.Reader) error {
	folder, err := os.MkdirTemp("", "backplane-program-") // mode 0700
	if err != nil {
		return fmt.Errorf("make a folder for a copy: %w", err)
	}
	b.folder, b.kind = folder, Copied
	name := filepath.Join(folder, filepath.Base(b.path))
	to, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o500)
	if err != nil {
		return err
	}
	err = b.digest(from, to)
	if closeErr := to.Close(); err == nil {
		err = closeErr // a file that is open for writing cannot be executed
	}
	if err != nil {
		return err
	}
	b.kept, err = os.Open(name)
	return err
}
