package sdk

import (
	"fmt"
	"io"
	"os"

	"github.com/backplane-dev/backplane/sdk/client"
	"github.com/backplane-dev/backplane/sdk/internal/wire"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// Version is the version of the SDK, as manifests report it.
const Version = wire.Version

// DebugEnv is the environment variable that, set to 1, makes a plugin serve for
// debugging, as the argument -debug does.
const DebugEnv = "BACKPLANE_DEBUG_PROVIDER"

// Exit codes of a plugin binary.
const (
	exitOK    = 0
	exitFault = 1 // cannot serve, or was started by hand
	exitUsage = 2 // unknown argument
)

// Serve is the main function of a plugin; it does not return.
//
// Started by a host, it serves p until the host stops it or dies. The author's
// part of that: panics become errors of their call, what is printed to standard
// output goes to standard error, and log/slog's default logger writes lines
// that the host understands.
//
// Started by a person, it says what the program is and how to use it. The
// arguments describe, version, help and -debug are understood; see help.
//
// The garbage collector is set up for a process that is small and busy, and half of
// the processors are used, unless the environment has GOGC or GOMAXPROCS; see the
// README.
func Serve(p provider.Provider) {
	setGarbageCollection(os.Getenv)
	setProcessors(os.Getenv)
	program := &program{
		provider: p,
		args:     os.Args,
		env:      os.Getenv,
		stdout:   processStdout,
		stderr:   os.Stderr,
	}
	os.Exit(program.run())
}

// program is one run of a plugin binary.
type program struct {
	provider provider.Provider
	args     []string // with the program's name
	env      func(string) string
	stdout   *os.File
	stderr   *os.File
}

func (p *program) run() int {
	// From here on what the author prints cannot get between host and plugin.
	os.Stdout = p.stderr
	manifest, err := describe(p.provider)
	if err != nil {
		return p.fail("this plugin's manifest is wrong:\n%v\nits author must correct what Describe returns", err)
	}
	switch {
	case len(p.args) > 1:
		return p.subcommand(manifest, p.args[1:])
	case p.env(DebugEnv) == "1":
		return p.debug(manifest)
	case p.env(client.Handshake.MagicCookieKey) == client.Handshake.MagicCookieValue:
		return p.serve(manifest)
	default:
		_ = p.write(p.stderr, usage(manifest, p.args[0]))
		return exitFault
	}
}

func (p *program) subcommand(m provider.Manifest, args []string) int {
	if len(args) > 1 {
		return p.misused("one argument at most, not %q", args)
	}
	switch args[0] {
	case "describe":
		return p.writeManifest(m)
	case "version", "-version", "--version":
		return p.write(p.stdout, fmt.Sprintf("backplane-provider-%s %s (sdk %s)\n", m.Name, m.Version, m.SDK))
	case "help", "-h", "-help", "--help":
		return p.write(p.stdout, usage(m, p.args[0]))
	case "-debug", "--debug":
		return p.debug(m)
	default:
		return p.misused("describe, version, help or -debug, not %q", args[0])
	}
}

func (p *program) misused(format string, args ...any) int {
	_ = p.write(p.stderr, fmt.Sprintf("%s takes "+format+"\n", append([]any{p.args[0]}, args...)...))
	return exitUsage
}

func (p *program) fail(format string, args ...any) int {
	_ = p.write(p.stderr, fmt.Sprintf(format, args...)+"\n")
	return exitFault
}

// write returns exitFault where the text could not be written.
func (p *program) write(w io.Writer, text string) int {
	if _, err := io.WriteString(w, text); err != nil {
		return exitFault
	}
	return exitOK
}
