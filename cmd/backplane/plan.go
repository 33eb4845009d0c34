package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"path/filepath"

	"github.com/backplane-dev/backplane/host/status"
)

const planUsage = `Say what a configuration would change in a running host.

Usage:
  backplane plan [-config FILE] [-v] [-admin ADDR] [-json]

The host reads the file, asks the binaries that it names who they are, and
compares it with what runs now, whatever was read before. Nothing is changed.
Sensitive values are not printed. Without -config it is the file that the host
was started with: what 'backplane reload' would do.

Example:
  $ backplane plan
  KIND      NAME    ACTION
  provider  echo    swap
    version    "0.1.0" -> "0.2.0"
  endpoint  fast    change
    queue.size  100 -> 10
  server    listen  restart
    listen     "127.0.0.1:8080" -> "127.0.0.1:8081"
    note       it takes effect when the host is started anew

  provider: start, swap (its process, by another), change (needs no new process),
            stop
  endpoint: create, change, replace (it goes to another provider), delete
  route:    create, change, delete
  server:   change, restart (of the host)

Flags:
  -config FILE  the configuration, as the host can read it
  -v            print what stays as it is, too
  -admin ADDR   address of the admin API (BACKPLANE_ADMIN)
  -json         print JSON

Exits with 0 if nothing would change, with 5 if something would, with 4 if the
configuration has mistakes or the host could not answer.
`

const reloadUsage = `Have a running host read its configuration anew and apply it.

Usage:
  backplane reload [-v] [-admin ADDR] [-json]

No request fails: new providers are started and others swapped, then endpoints and
routes change at one moment, and what was removed finishes its requests. A
configuration with mistakes changes nothing. Where a new version of a plugin does
not start or refuses an endpoint, that part stays as it is and the others are
applied. SIGHUP to the host does the same. Endpoints that were made through the
admin API stay, unless the file has one of the same id.

Example:
  $ backplane reload
  KIND      NAME  ACTION
  endpoint  fast  change
    queue.size  100 -> 10

Flags:
  -v           print what stays as it is, too
  -admin ADDR  address of the admin API (BACKPLANE_ADMIN)
  -json        print JSON

Exits with 0 if all of it was applied, with 4 if the configuration has mistakes or
a part of it was not applied.
`

func planCommand() *command {
	return &command{name: "plan", usage: planUsage, setup: func(fs *flag.FlagSet) runFunc {
		file := fs.String("config", "", "the configuration")
		all := fs.Bool("v", false, "print more")
		addr, asJSON := adminFlag(fs), jsonFlag(fs)
		return func(ctx context.Context, std streams, args []string) error {
			if err := wantArgs(fs, args); err != nil {
				return err
			}
			body, err := planBody(*file)
			if err != nil {
				return err
			}
			p, err := askPlan(ctx, *addr, "/plan", body)
			if err != nil {
				return err
			}
			if err := printPlan(std, p, *all, *asJSON); err != nil {
				return err
			}
			if p.Changes() > 0 {
				return reported(exitChanges)
			}
			return nil
		}
	}}
}

// planBody names the file as the host must: the two may stand in different
// folders.
func planBody(file string) ([]byte, error) {
	if file == "" {
		return nil, nil
	}
	path, err := filepath.Abs(file)
	if err != nil {
		return nil, fmt.Errorf("find %s: %w", file, err)
	}
	return json.Marshal(map[string]string{"file": path})
}

func reloadCommand() *command {
	return &command{name: "reload", usage: reloadUsage, setup: func(fs *flag.FlagSet) runFunc {
		all := fs.Bool("v", false, "print more")
		addr, asJSON := adminFlag(fs), jsonFlag(fs)
		return func(ctx context.Context, std streams, args []string) error {
			if err := wantArgs(fs, args); err != nil {
				return err
			}
			p, err := askPlan(ctx, *addr, "/reload", nil)
			if err != nil {
				return err
			}
			if err := printPlan(std, p, *all, *asJSON); err != nil {
				return err
			}
			if p.Problems() > 0 {
				std.say("%d of the steps could not be made", p.Problems())
				return reported(exitRefused)
			}
			return nil
		}
	}}
}

func askPlan(ctx context.Context, addr, path string, body []byte) (status.Plan, error) {
	var p status.Plan
	a, err := newAdmin(addr)
	if err != nil {
		return p, err
	}
	ctx, stop := interruptible(ctx)
	defer stop()
	return p, a.call(ctx, http.MethodPost, path, body, &p)
}

// printPlan prints the steps; those that change nothing only if asked for, or if
// they have a problem.
func printPlan(std streams, p status.Plan, all, asJSON bool) error {
	if asJSON {
		return printJSON(std.out, p)
	}
	for _, w := range p.Warnings {
		std.say("%s", w)
	}
	t := newTable(std.out, "KIND", "NAME", "ACTION")
	shown := 0
	for _, s := range p.Steps {
		if s.Action == status.ActionKeep && s.Problem == "" && !all {
			continue
		}
		shown++
		t.row(string(s.Kind), s.Name, string(s.Action))
		for _, d := range s.Differences {
			t.note(d.Setting, sayDifference(d))
		}
		t.note("note", s.Note)
		t.note("problem", s.Problem)
	}
	if shown == 0 {
		std.say("%s is what runs: nothing changes", p.File)
		return nil
	}
	return t.flush()
}

func sayDifference(d status.Difference) string {
	from, to := d.From, d.To
	if d.Setting == "sha256" {
		from, to = shortSum(from), shortSum(to)
	}
	return orNothing(from) + " -> " + orNothing(to)
}

func orNothing(value string) string {
	if value == "" {
		return "nothing"
	}
	return value
}
