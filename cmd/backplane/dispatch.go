package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"strings"

	"github.com/backplane-dev/backplane/sdk/schema"
)

// dispatch finds the command that args name below cmd and runs it.
func dispatch(ctx context.Context, cmd *command, args []string, std streams) error {
	path := []string{"backplane"}
	for cmd.setup == nil {
		if len(args) == 0 {
			_, _ = io.WriteString(std.err, cmd.usage)
			return reported(exitUsage)
		}
		word := args[0]
		if isHelp(word) {
			return help(cmd, path, args[1:], std.out)
		}
		next := cmd.find(word)
		if next == nil {
			return unknownCommand(cmd, path, word)
		}
		cmd, path, args = next, append(path, word), args[1:]
	}
	return execute(ctx, cmd, path, args, std)
}

// execute parses the flags of a command without sub commands and runs it.
func execute(ctx context.Context, cmd *command, path, args []string, std streams) error {
	fs := newFlagSet(strings.Join(path, " "))
	runCommand := cmd.setup(fs)
	for _, arg := range args {
		if arg == "--" {
			break
		}
		if isHelp(arg) && arg != "help" {
			_, _ = io.WriteString(std.out, cmd.usage)
			return nil
		}
	}
	positional, err := parseFlags(fs, args)
	if err != nil {
		return err
	}
	return runCommand(ctx, std, positional)
}

// help prints the usage of the command that words name below cmd.
func help(cmd *command, path, words []string, out io.Writer) error {
	for _, word := range words {
		next := cmd.find(word)
		if next == nil {
			return unknownCommand(cmd, path, word)
		}
		cmd, path = next, append(path, word)
	}
	_, err := io.WriteString(out, cmd.usage)
	return err
}

func isHelp(arg string) bool {
	switch arg {
	case "help", "-h", "-help", "--help":
		return true
	}
	return false
}

func (c *command) find(name string) *command {
	for _, sub := range c.sub {
		if sub.name == name {
			return sub
		}
	}
	return nil
}

func unknownCommand(cmd *command, path []string, word string) error {
	if strings.HasPrefix(word, "-") {
		return usagef("flag %s comes after a command; see '%s help'", word, strings.Join(path, " "))
	}
	names := []string{"help"}
	for _, sub := range cmd.sub {
		names = append(names, sub.name)
	}
	msg := fmt.Sprintf("unknown command %q", strings.Join(append(path[1:len(path):len(path)], word), " "))
	if near := schema.Nearest(word, names); near != "" {
		return usagef("%s; did you mean %q?", msg, strings.Join(append(path[1:len(path):len(path)], near), " "))
	}
	return usagef("%s; see '%s help'", msg, strings.Join(path, " "))
}

// newFlagSet makes a flag set that leaves all talking to us.
func newFlagSet(name string) *flag.FlagSet {
	fs := flag.NewFlagSet(name, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.Usage = func() {}
	return fs
}
