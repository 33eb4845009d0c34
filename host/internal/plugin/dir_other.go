//go:build !unix

package plugin

import (
	"os"
	"sync"
)

// lockDir does nothing where there are no advisory locks.
func lockDir(string) (*os.File, error) { return nil, nil }

var sweepOnce sync.Once

// sweep does nothing: without locks nothing tells an abandoned directory.
func sweep(string) {}
