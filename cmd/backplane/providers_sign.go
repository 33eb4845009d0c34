package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"

	"github.com/backplane-dev/backplane/host/lockfile"
)

const providersKeygenUsage = `Make a key to sign plugins with.

Usage:
  backplane providers keygen -out FILE

Writes the private key to FILE, which only its owner can read, and prints the
public one for server.trusted_keys. An existing file is left alone.

Example:
  $ backplane providers keygen -out release.key
  JXtP0oU1bVvV0m2lX9lQx3mZ0y8Yz0n0m4Vb1mX4cFo=

Flags:
  -out FILE  where the private key goes
`

const providersSignUsage = `Sign binaries of plugins.

Usage:
  backplane providers sign -key FILE BINARY...

Writes the signature of each binary beside it, to BINARY.sig, and prints its path.
A host with server.trusted_keys runs no binaries but those that one of the keys
has signed.

Example:
  $ backplane providers sign -key release.key bin/plugins/backplane-provider-echo
  bin/plugins/backplane-provider-echo.sig

Flags:
  -key FILE  the private key, from 'backplane providers keygen'
`

func providersKeygenCommand() *command {
	return &command{name: "keygen", usage: providersKeygenUsage, setup: func(fs *flag.FlagSet) runFunc {
		out := fs.String("out", "", "where the private key goes")
		return func(_ context.Context, std streams, args []string) error {
			if err := wantArgs(fs, args); err != nil {
				return err
			}
			if *out == "" {
				return usagef("'backplane providers keygen' needs -out FILE")
			}
			public, private, err := lockfile.NewKey()
			if err != nil {
				return err
			}
			if err := writeKey(*out, private); err != nil {
				return err
			}
			_, err = fmt.Fprintln(std.out, public)
			return err
		}
	}}
}

// writeKey writes a private key to a new file of the user's own.
func writeKey(path, private string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s exists already and is left alone; choose another file", path)
	}
	if err != nil {
		return fmt.Errorf("write the private key: %w", err)
	}
	_, err = f.WriteString(private + "\n")
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write the private key: %w", err), os.Remove(path))
	}
	return nil
}

func providersSignCommand() *command {
	return &command{name: "sign", usage: providersSignUsage, setup: func(fs *flag.FlagSet) runFunc {
		key := fs.String("key", "", "the private key")
		return func(_ context.Context, std streams, args []string) error {
			if *key == "" {
				return usagef("'backplane providers sign' needs -key FILE")
			}
			if len(args) == 0 {
				return usagef("'backplane providers sign' needs BINARY; see '%s -help'", fs.Name())
			}
			private, err := os.ReadFile(*key)
			if err != nil {
				return fmt.Errorf("read the private key: %w", err)
			}
			for _, binary := range args {
				signature, err := lockfile.SignFile(string(private), binary)
				if err != nil {
					return err
				}
				if _, err := fmt.Fprintln(std.out, signature); err != nil {
					return err
				}
			}
			return nil
		}
	}}
}
