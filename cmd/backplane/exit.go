package main

import (
	"errors"
	"fmt"
)

// The exit codes.
const (
	// exitOK: it worked.
	exitOK = 0
	// exitFailed: it failed; standard error says why.
	exitFailed = 1
	// exitUsage: the command line or the configuration is wrong.
	exitUsage = 2
	// exitNoHost: no host answers at the address.
	exitNoHost = 3
	// exitRefused: the host refused the request or could not answer it.
	exitRefused = 4
	// exitChanges: `plan` found something that would change.
	exitChanges = 5
	// exitInterrupted: Ctrl-C or SIGTERM ended the command, 128 + SIGINT as
	// shells have it.
	exitInterrupted = 130
)

// codedError is an error that chooses the exit code.
type codedError struct {
	code int
	err  error
}

func (e *codedError) Error() string { return e.err.Error() }
func (e *codedError) Unwrap() error { return e.err }

// errReported is the cause of errors of which the user was told already.
var errReported = errors.New("already reported")

// reported ends the command with the code and no further words.
func reported(code int) error { return &codedError{code, errReported} }

// usagef is an error in the command line.
func usagef(format string, args ...any) error {
	return &codedError{exitUsage, fmt.Errorf(format, args...)}
}

func exitCode(err error) int {
	var coded *codedError
	if errors.As(err, &coded) {
		return coded.code
	}
	return exitFailed
}
