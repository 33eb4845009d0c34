package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/providertest"
)

const conformanceUsage = `Check a plugin binary, in any language, against the contract.

Usage:
  backplane conformance BINARY [flags]

Starts the plugin as a host would and goes through all cases. Where its manifest
declares the setting base_url, a fake OpenAI-compatible service on loopback takes
the place of the real one, which is never contacted. For a plugin whose service
speaks otherwise start a server, in any language, that gives healthy answers as
that service would, and name it with -service http://127.0.0.1:PORT: the check
puts itself before it and makes the slow, broken and unkind answers. What else it
should know stands in a -profile, a JSON file that sdk/README.md describes. With
-service none the cases that need a service are left out, and the rest runs with
the settings given, so choose some that reach nobody else. What fails says why it
matters and what to do.

Example:
  $ backplane conformance bin/plugins/backplane-provider-echo
  FAILED   stream/finished-last: the stream ended without finished
           why: ...
           do:  ...
  41 passed, 1 failed, 3 skipped in 4.2s

Flags:
  -settings JSON           settings of the endpoints that the check opens
  -provider-settings JSON  settings of the provider block
  -key-env NAME            key of the endpoints, from a variable of the CLI
  -model NAME              model to ask for, default the manifest's
  -service WHAT            what stands in for the service: openai, none or
                           http://host:port of a server with healthy answers
  -profile FILE            settings, samples and the service's errors, as JSON;
                           flags win
  -slow JSON               settings with which a stream takes seconds
  -silent JSON             settings with which the first word takes five seconds
  -only TEXT               only cases with TEXT in their name
  -timeout DURATION        time for all of it, default 10m
  -v                       print what passed and what was left out, too
  -json                    print one JSON object a line for each case

Exits with 0 if nothing failed, with 1 if something did.
`

// conformanceOptions are the flags of `conformance`.
type conformanceOptions struct {
	settings, providerSettings            string
	slow, silent                          string
	service, profile, keyEnv, model, only string
	timeout                               time.Duration
	verbose, asJSON                       bool
}

func conformanceCommand() *command {
	return &command{name: "conformance", usage: conformanceUsage, setup: func(fs *flag.FlagSet) runFunc {
		var o conformanceOptions
		fs.StringVar(&o.settings, "settings", "", "settings")
		fs.StringVar(&o.providerSettings, "provider-settings", "", "settings of the provider block")
		fs.StringVar(&o.service, "service", "", "openai, none or an address")
		fs.StringVar(&o.profile, "profile", "", "a JSON file")
		fs.StringVar(&o.slow, "slow", "", "settings")
		fs.StringVar(&o.silent, "silent", "", "settings")
		fs.StringVar(&o.keyEnv, "key-env", "", "variable that holds the key")
		fs.StringVar(&o.model, "model", "", "model")
		fs.StringVar(&o.only, "only", "", "part of the names")
		fs.DurationVar(&o.timeout, "timeout", 10*time.Minute, "time for all")
		fs.BoolVar(&o.verbose, "v", false, "print more")
		fs.BoolVar(&o.asJSON, "json", false, "print JSON")
		return func(ctx context.Context, std streams, args []string) error {
			if err := wantArgs(fs, args, "the path of a plugin binary"); err != nil {
				return err
			}
			target, err := o.target(args[0])
			if err != nil {
				return err
			}
			return o.run(ctx, std, target)
		}
	}}
}

// target turns the flags into what the kit takes.
func (o *conformanceOptions) target(binary string) (providertest.Target, error) {
	t := providertest.Target{Binary: binary}
	if o.timeout <= 0 {
		return t, usagef("flag -timeout: %s is wrong: it must be positive", o.timeout)
	}
	if err := o.readProfile(&t.Profile); err != nil {
		return t, err
	}
	for _, f := range []struct {
		name, text string
		to         *json.RawMessage
	}{
		{"settings", o.settings, &t.Settings},
		{"provider-settings", o.providerSettings, &t.ProviderSettings},
		{"slow", o.slow, &t.Slow},
		{"silent", o.silent, &t.Silent},
	} {
		if f.text == "" {
			continue
		}
		var object map[string]json.RawMessage
		if err := json.Unmarshal([]byte(f.text), &object); err != nil {
			return t, usagef("flag -%s: %q is not a JSON object: %w", f.name, f.text, err)
		}
		*f.to = json.RawMessage(f.text)
	}
	if o.model != "" {
		t.Model = o.model
	}
	key, err := keyFromVariable("key-env", o.keyEnv)
	t.Credential, t.Only = provider.NewSecret(key), o.only
	return t, err
}

// readProfile reads the flags -profile and -service.
func (o *conformanceOptions) readProfile(p *providertest.Profile) error {
	address := ""
	if strings.Contains(o.service, "://") {
		address = o.service
	}
	if o.profile != "" {
		file, err := os.Open(o.profile)
		if err != nil {
			return usagef("flag -profile: %w", err)
		}
		defer func() { _ = file.Close() }() // it was only read
		if *p, err = providertest.ReadProfile(file, address); err != nil {
			return usagef("flag -profile: %s: %w", o.profile, err)
		}
	}
	var err error
	switch {
	case address != "":
		if o.profile == "" {
			p.Service, err = providertest.ServiceAt(address)
		}
	case o.service == "": // the profile, or else the kit, decides
	case o.service == "openai":
		p.Service = providertest.OpenAI()
	case o.service == "none":
		p.Service = providertest.NoService
	default:
		return usagef("flag -service: %q is wrong: it must be openai, none or http://host:port", o.service)
	}
	if err != nil {
		return usagef("flag -service: %w", err)
	}
	return nil
}

func (o *conformanceOptions) run(ctx context.Context, std streams, target providertest.Target) error {
	ctx, stop := interruptible(ctx)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	counts := map[providertest.Outcome]int{}
	foreign := false // the service that the kit stands in for may speak otherwise
	begin := time.Now()
	err := providertest.Check(ctx, target, func(r providertest.Result) {
		counts[r.Outcome]++
		foreign = foreign || o.service == "" && o.profile == "" && r.Outcome == providertest.Failed && r.Case == "call/round-trip"
		o.report(std, r)
	})
	if len(counts) > 0 && !o.asJSON {
		_, _ = fmt.Fprintf(std.out, "%d passed, %d failed, %d skipped in %s\n", counts[providertest.Passed],
			counts[providertest.Failed], counts[providertest.Skipped], short(time.Since(begin))) // the exit code tells
	}
	if foreign {
		std.say("If the plugin's service does not speak OpenAI's dialect, give a server that speaks as it does with -service http://host:port, or say -service none.")
	}
	return err
}

// report prints the result of one case. Errors of writing show in the exit code
// of whoever reads a closed pipe, not here.
func (o *conformanceOptions) report(std streams, r providertest.Result) {
	switch {
	case o.asJSON:
		line, err := json.Marshal(r)
		if err != nil {
			line = []byte(`{}`)
		}
		_, _ = fmt.Fprintf(std.out, "%s\n", line)
	case r.Outcome == providertest.Failed || o.verbose:
		_, _ = fmt.Fprintln(std.out, r)
	}
}
