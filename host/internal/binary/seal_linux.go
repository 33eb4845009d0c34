package binary

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// seals forbid every change, and the lifting of the seals.
const seals = unix.F_SEAL_WRITE | unix.F_SEAL_GROW | unix.F_SEAL_SHRINK | unix.F_SEAL_SEAL

// keep holds the bytes in sealed memory. The error is errors.ErrUnsupported
// where the kernel has none, or does not execute it (sysctl vm.memfd_noexec).
func (b *Binary) keep(from io.Reader) error {
	memory, err := executableMemory(filepath.Base(b.path))
	if err != nil {
		return fmt.Errorf("%w: %w", errors.ErrUnsupported, err)
	}
	b.kept, b.kind = memory, Sealed
	if b.sha256, b.size, err = digest(from, memory); err != nil {
		return err
	}
	if err := memory.Chmod(0o500); err != nil {
		return fmt.Errorf("make the memory executable: %w", err)
	}
	if _, err := unix.FcntlInt(memory.Fd(), unix.F_ADD_SEALS, seals); err != nil {
		return fmt.Errorf("seal the memory: %w", err)
	}
	return nil
}

// executableMemory makes a file in memory that may be executed. Kernels before
// 6.3 do not know MFD_EXEC and need none.
func executableMemory(name string) (*os.File, error) {
	const flags = unix.MFD_CLOEXEC | unix.MFD_ALLOW_SEALING
	fd, err := unix.MemfdCreate(name, flags|unix.MFD_EXEC)
	if errors.Is(err, unix.EINVAL) {
		fd, err = unix.MemfdCreate(name, flags)
	}
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), name), nil
}
