//go:build unix

package sdk

import (
	"fmt"
	"os"
	"strconv"
	"syscall"
)

// openLifeline opens the inherited file descriptor with the given number. Its
// children do not inherit it from the plugin.
func openLifeline(number string) (*os.File, error) {
	fd, err := strconv.Atoi(number)
	if err != nil || fd <= 2 {
		return nil, fmt.Errorf("%q is no number of an inherited file descriptor", number)
	}
	syscall.CloseOnExec(fd)
	file := os.NewFile(uintptr(fd), "lifeline")
	if _, err := file.Stat(); err != nil {
		return nil, err
	}
	return file, nil
}
