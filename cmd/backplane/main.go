// Command backplane runs the Backplane host and talks to a running one.
//
// Results go to standard output, everything else to standard error. The exit
// codes are listed in [exitOK] and following, and in "backplane help".
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
)

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// streams are the standard streams of a command.
type streams struct {
	in  io.Reader
	out io.Writer
	err io.Writer
}

// run carries out one command line and returns the exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	std := streams{in: stdin, out: stdout, err: stderr}
	err := dispatch(ctx, root(), args, std)
	if err == nil {
		return exitOK
	}
	if !errors.Is(err, errReported) {
		_, _ = fmt.Fprintf(stderr, "backplane: %v\n", err)
	}
	return exitCode(err)
}

// root is the tree of commands, in the order in which help lists them.
func root() *command {
	return &command{
		usage: rootUsage,
		sub: []*command{
			serveCommand(),
			validateCommand(),
			planCommand(),
			reloadCommand(),
			providersCommand(),
			endpointsCommand(),
			modelsCommand(),
			chatCommand(),
			callCommand(),
			requestsCommand(),
			conformanceCommand(),
			versionCommand(),
		},
	}
}

// rootUsage is what `backplane help` prints.
const rootUsage = `Backplane is a host for AI-provider plugins.

Usage:
  backplane COMMAND [flags]

Run a host:
  serve         run the host on a configuration
  validate      check a configuration and report every mistake in it
  plan          say what a configuration would change in a running host
  reload        have a running host read its configuration anew

Look at a running host:
  providers     list and describe the provider plugins; swap, restart, pin and
                sign them
  endpoints     list, create, test and delete endpoints, and read their stats
  models        list the models that the endpoints serve
  requests      list the requests of the last hour

Call it:
  chat          one question and its answer, or a conversation
  call          any operation of an endpoint

For plugin authors:
  conformance   check a plugin binary against the contract

  version       print the version
  help          print help on a command

Example session:
  $ backplane validate -config config.hcl
  $ backplane serve -config config.hcl &
  $ backplane chat -model echo "hello"
  $ backplane endpoints stats

Environment:
  BACKPLANE_ADDR    address of the HTTP API, default http://127.0.0.1:8080
  BACKPLANE_ADMIN   address of the admin API, default the unix socket on which
                    a host started by the same user listens

Exit codes:
  0  it worked
  1  it failed; standard error says why
  2  the command line or the configuration is wrong
  3  no host answers at the address
  4  the host refused the request or could not answer it
  5  'backplane plan' found something that would change
  130  interrupted
`

// runFunc does the work of a command with its positional arguments.
type runFunc func(ctx context.Context, std streams, args []string) error

// command is one node of the command tree. A node has either sub commands or a
// setup function.
type command struct {
	name string
	// usage is the help text, written by hand.
	usage string
	// setup declares the flags and returns what runs once they are parsed.
	setup func(fs *flag.FlagSet) runFunc
	sub   []*command
}
