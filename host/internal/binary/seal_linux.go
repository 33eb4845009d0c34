package binary

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"
)

// seals forbid every change, and the lifting of the seals.
const seals = unix.F_SEAL_WRITE | unix.F_SEAL_GROW | unix.F_SEAL_SHRINK | unix.F_SEAL_SEAL

// keep holds the bytes in sealed memory. The error is errors.ErrUnsupported
// where the kernel has none, or does not execute it (sysctl vm.memfd_noexec).
func (b *Binary) keep(from *os.File) error {
	memory, err := executableMemory(filepath.Base(b.path))
	if err != nil {
		return fmt.Errorf("%w: %w", errors.ErrUnsupported, err)
	}
	b.kept, b.kind = memory, Sealed
	if b.size, err = transfer(memory, from); err != nil {
		return err
	}
	if err := memory.Chmod(0o500); err != nil {
		return fmt.Errorf("make the memory executable: %w", err)
	}
	if _, err := unix.FcntlInt(memory.Fd(), unix.F_ADD_SEALS, seals); err != nil {
		return fmt.Errorf("seal the memory: %w", err)
	}
	b.hashed = sync.OnceFunc(func() { b.hashMemory(memory) })
	return nil
}

// transfer copies a program of up to maxSize bytes into memory. The kernel does
// it by itself (sendfile), in half the time that reading and writing takes.
func transfer(memory, from *os.File) (size int64, err error) {
	const atOnce = 16 << 20
	for size <= maxSize {
		n, err := unix.Sendfile(int(memory.Fd()), int(from.Fd()), nil, atOnce)
		switch {
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.EAGAIN):
			continue
		case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOSYS):
			// A file system that has no sendfile.
			more, err := io.Copy(memory, io.LimitReader(from, maxSize+1-size))
			return size + more, errors.Join(err, checkSize(size+more))
		case err != nil:
			return size, fmt.Errorf("copy it into memory: %w", err)
		case n == 0:
			return size, nil
		}
		size += int64(n)
	}
	return size, checkSize(size)
}

// hashMemory hashes the sealed memory, which is the same whenever that is done. It
// is read in pieces that stay in the processor's caches: that is quicker than to
// map it, and the file can be closed meanwhile.
func (b *Binary) hashMemory(memory *os.File) {
	hash := sha256.New()
	buffer := make([]byte, 128<<10)
	if _, err := io.CopyBuffer(hash, io.NewSectionReader(memory, 0, b.size), buffer); err == nil {
		b.setSum(hex.EncodeToString(hash.Sum(nil)))
	}
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
