//go:build linux

package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/backplane-dev/backplane/host/lockfile"
)

// The providers. Nothing is done to the bystander, so nothing may happen to it.
const (
	echoProvider   = "echo"
	openaiProvider = "openai"
	bystander      = "openai-mini"
)

// victims are the providers that faults happen to.
var victims = []string{echoProvider, openaiProvider}

// A caller that has no answer by deadline plus patience hangs.
const (
	deadline = 20 * time.Second
	patience = 5 * time.Second
)

// world is the folder of one run: copies of the plugins, the configuration, and
// the host's temporary files.
type world struct {
	dir, bin string
	upstream string // host:port
}

func newWorld(bin, upstream string) (*world, error) {
	dir, err := os.MkdirTemp("", "chaos-")
	if err != nil {
		return nil, err
	}
	w := &world{dir: dir, bin: bin, upstream: upstream}
	for _, folder := range []string{w.plugins(), w.tmp()} {
		if err := os.Mkdir(folder, 0o700); err != nil {
			return w, err
		}
	}
	for _, name := range append([]string{bystander}, victims...) {
		if err := copyFile(w.built(name), w.plugin(name)); err != nil {
			return w, err
		}
		if err := w.pin(name); err != nil {
			return w, err
		}
	}
	return w, w.configure(1)
}

func (w *world) plugins() string           { return filepath.Join(w.dir, "plugins") }
func (w *world) tmp() string               { return filepath.Join(w.dir, "tmp") }
func (w *world) config() string            { return filepath.Join(w.dir, "config.hcl") }
func (w *world) lock() string              { return filepath.Join(w.dir, "backplane.lock.hcl") }
func (w *world) socket() string            { return filepath.Join(w.dir, "admin.sock") }
func (w *world) plugin(name string) string { return filepath.Join(w.plugins(), pluginPrefix+name) }
func (w *world) built(name string) string {
	return filepath.Join(w.bin, "plugins", pluginPrefix+name)
}

const pluginPrefix = "backplane-provider-"

// pin writes the sum of a plugin as it is now into the lock file.
func (w *world) pin(name string) error {
	sum, err := sumOf(w.plugin(name))
	if err != nil {
		return err
	}
	f, err := lockfile.Read(w.lock())
	if errors.Is(err, fs.ErrNotExist) {
		f, err = &lockfile.File{}, nil
	}
	if err != nil {
		return err
	}
	f.Lock(name, "chaos", 1, sum)
	return f.Write(w.lock())
}

// configure writes the configuration. The revision shows in the settings of the
// endpoint echo, so that a reload can be seen to work.
func (w *world) configure(revision int) error {
	text := fmt.Sprintf(configuration, w.socket(), w.plugins(), w.upstream, deadline, revision)
	draft := w.config() + ".new"
	if err := os.WriteFile(draft, []byte(text), 0o600); err != nil {
		return err
	}
	return os.Rename(draft, w.config())
}

// configuration is for Sprintf: admin socket, folder of plugins, address of the
// service, timeout, revision. Retries are quick and without a budget, since each
// fault spoils many requests at once; queues let everything through, since they
// are not what is to be seen here.
const configuration = `
server {
  listen           = "127.0.0.1:0"
  admin            = "unix:%[1]s"
  plugin_dir       = "%[2]s"
  shutdown_timeout = "30s"
}

provider "echo" {
  start_timeout = "5s"
  trial         = "3s"
` + policy + `}

provider "openai" {
  start_timeout = "5s"
  trial         = "3s"
` + policy + `}

provider "openai-mini" {
` + policy + `}

endpoint "echo" {
  provider = "echo"
  settings {
    flood_on = "flood"
    seed     = %[5]d
  }
}

endpoint "echo-slow" {
  provider = "echo"
  settings {
    words_per_second = 20
  }
}

endpoint "openai" {
  provider = "openai"
  model    = "any"
  api_key  = "sk-chaos"
  settings {
    base_url = "http://%[3]s/v1"
  }
}

endpoint "mini" {
  provider = "openai-mini"
  model    = "any"
  settings {
    base_url = "http://%[3]s/v1"
  }
}
`

const policy = `
  timeout = "%[4]v"
  queue {
    max_concurrent = 0
  }
  retry {
    max           = 10
    initial_delay = "50ms"
    max_delay     = "2s"
    budget        = 0
  }
`

// remove deletes the folder.
func (w *world) remove() error { return os.RemoveAll(w.dir) }

func copyFile(from, to string, more ...byte) error {
	in, err := os.Open(from)
	if err != nil {
		return fmt.Errorf("%w; run scripts/build first", err)
	}
	defer in.Close() //nolint:errcheck // it was only read
	draft := to + ".new"
	out, err := os.OpenFile(draft, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o700)
	if err != nil {
		return err
	}
	if _, err = io.Copy(out, in); err == nil {
		_, err = out.Write(more)
	}
	if closed := out.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	return os.Rename(draft, to)
}
