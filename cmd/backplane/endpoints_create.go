package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/backplane-dev/backplane/host/status"
)

const endpointsCreateUsage = `Create an endpoint on a running host.

Usage:
  backplane endpoints create ID -provider NAME [-model NAME] [-set KEY=VALUE]...
                             [-policy KEY=VALUE]... [-api-key-env NAME | -api-key-stdin]
  backplane endpoints create [ID] -json FILE|-

Names are those of the endpoint block in a configuration. -set gives a setting
of the plugin (see 'backplane providers describe NAME'), -policy one of the
endpoint itself: timeout, queue.size, queue.max_concurrent, retry.max,
breaker.error_rate, ... A VALUE that reads as JSON is JSON, all else is text.
The key is never an argument, where others could read it.

Example:
  $ backplane endpoints create slow -provider echo -set words_per_second=2 \
      -policy timeout=10s -policy queue.max_concurrent=1
  $ backplane endpoints create work -provider openai -model gpt-4o-mini -api-key-env WORK_KEY
  $ pass show openai | backplane endpoints create work -provider openai -api-key-stdin
  $ echo '{"id":"slow","provider":"echo","settings":{"words_per_second":2}}' |
      backplane endpoints create -json -

Flags:
  -provider NAME     provider of the host
  -model NAME        model to use where a request names none
  -set KEY=VALUE     setting of the plugin; may be repeated, dots lead into blocks
  -policy KEY=VALUE  timeout, queue, retry, breaker or stats of the endpoint; may be repeated
  -api-key-env NAME  read the key from this variable of the CLI
  -api-key-stdin     read the key from standard input
  -json FILE         read all of it as one JSON object from FILE, - for standard input
  -admin ADDR        address of the admin API (BACKPLANE_ADMIN)

Prints the new endpoint as JSON.
`

// endpointSpec is what the flags of `endpoints create` say.
type endpointSpec struct {
	provider, model, file string
	settings, policy      listFlag
	keyEnv                string
	keyStdin              bool
}

func endpointsCreateCommand() *command {
	return &command{name: "create", usage: endpointsCreateUsage, setup: func(fs *flag.FlagSet) runFunc {
		var spec endpointSpec
		fs.StringVar(&spec.provider, "provider", "", "provider")
		fs.StringVar(&spec.model, "model", "", "model")
		fs.StringVar(&spec.file, "json", "", "file")
		fs.Var(&spec.settings, "set", "setting")
		fs.Var(&spec.policy, "policy", "policy")
		fs.StringVar(&spec.keyEnv, "api-key-env", "", "variable")
		fs.BoolVar(&spec.keyStdin, "api-key-stdin", false, "key from standard input")
		admin := adminFlag(fs)
		return func(ctx context.Context, std streams, args []string) error {
			id := ""
			if len(args) > 0 {
				id, args = args[0], args[1:]
			}
			if err := wantArgs(fs, args); err != nil {
				return err
			}
			body, err := spec.body(id, std.in)
			if err != nil {
				return err
			}
			a, err := newAdmin(*admin)
			if err != nil {
				return err
			}
			var made status.Endpoint
			if err := a.call(ctx, http.MethodPost, "/endpoints", body, &made); err != nil {
				return err
			}
			std.say("created endpoint %s", made.ID)
			return printJSON(std.out, made)
		}
	}}
}

// body makes the JSON object that the admin API takes.
func (s *endpointSpec) body(id string, stdin io.Reader) ([]byte, error) {
	if err := s.check(id); err != nil {
		return nil, err
	}
	object := map[string]any{}
	if s.file != "" {
		var err error
		if object, err = readObject(s.file, stdin); err != nil {
			return nil, err
		}
	}
	put(object, "id", id)
	put(object, "provider", s.provider)
	put(object, "model", s.model)
	if err := s.assignAll(object); err != nil {
		return nil, err
	}
	key, err := s.key(stdin)
	if err != nil {
		return nil, err
	}
	put(object, "api_key", key)
	return json.Marshal(object)
}

// assignAll carries out -policy and -set.
func (s *endpointSpec) assignAll(object map[string]any) error {
	for _, text := range s.policy {
		switch name, _, _ := strings.Cut(text, "="); {
		case name == "api_key":
			return usagef("flag -policy: a key is never an argument, where others could read it; use -api-key-env or -api-key-stdin")
		case name == "settings" || strings.HasPrefix(name, "settings."):
			return usagef("flag -policy: use -set for a setting of the plugin")
		}
		if err := assign(object, nil, text); err != nil {
			return usagef("flag -policy: %w", err)
		}
	}
	for _, text := range s.settings {
		if err := assign(object, []string{"settings"}, text); err != nil {
			return usagef("flag -set: %w", err)
		}
	}
	return nil
}

// check looks at the flags together.
func (s *endpointSpec) check(id string) error {
	switch {
	case s.keyEnv != "" && s.keyStdin:
		return usagef("flags -api-key-env and -api-key-stdin exclude each other")
	case s.keyStdin && s.file == "-":
		return usagef("flags -api-key-stdin and -json - both read standard input; use -api-key-env or a file")
	case s.file == "" && id == "":
		return usagef("'backplane endpoints create' needs the ID of the new endpoint")
	case s.file == "" && s.provider == "":
		return usagef("'backplane endpoints create' needs -provider NAME; 'backplane providers list' has the names")
	}
	return nil
}

// key reads the credential from where the flags say, "" if nowhere.
func (s *endpointSpec) key(stdin io.Reader) (string, error) {
	if s.keyStdin {
		data, err := io.ReadAll(io.LimitReader(stdin, 64<<10))
		if err != nil {
			return "", fmt.Errorf("read the key from standard input: %w", err)
		}
		key := strings.TrimSpace(string(data))
		if key == "" {
			return "", errors.New("standard input holds no key")
		}
		return key, nil
	}
	return keyFromVariable("api-key-env", s.keyEnv)
}

func put(object map[string]any, name, value string) {
	if value != "" {
		object[name] = value
	}
}

// assign carries out "a.b=value" on nested objects, below the path prefix.
func assign(object map[string]any, prefix []string, assignment string) error {
	path, text, ok := strings.Cut(assignment, "=")
	names := strings.Split(path, ".")
	if !ok || slices.Contains(names, "") {
		return fmt.Errorf("%q is not KEY=VALUE", assignment)
	}
	names = append(prefix, names...)
	last := len(names) - 1
	for _, name := range names[:last] {
		next, ok := object[name].(map[string]any)
		if !ok {
			next = map[string]any{}
			object[name] = next
		}
		object = next
	}
	object[names[last]] = value(text)
	return nil
}

// value reads JSON where text is JSON; anything else is a string.
func value(text string) any {
	if json.Valid([]byte(text)) {
		return json.RawMessage(text)
	}
	return text
}
