//go:build !unix

package sdk

import (
	"errors"
	"os"
)

// openLifeline fails: file descriptors are not inherited by number here.
func openLifeline(string) (*os.File, error) {
	return nil, errors.New("this system does not pass file descriptors by number")
}
