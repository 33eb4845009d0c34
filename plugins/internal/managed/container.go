//go:build unix

package managed

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// The labels by which a container is found again.
const (
	labelID      = "dev.backplane.id"
	labelAddress = "dev.backplane.address"
	labelUser    = "dev.backplane.uid"
)

// containers starts containers.
type containers struct {
	spec   *spec
	cfg    *config
	health string
}

// listed is a container in a list.
type listed struct {
	ID     string            `json:"Id"`
	State  string            `json:"State"`
	Names  []string          `json:"Names"`
	Labels map[string]string `json:"Labels"`
}

// launch implements [launcher].
func (c *containers) launch(ctx context.Context, progress func(string)) (instance, error) {
	dir, err := runtimeDir(c.cfg.RuntimeDir)
	if err != nil {
		return nil, err
	}
	cl, err := newClaim(ctx, dir, c.spec.id())
	if err != nil {
		return nil, err
	}
	i, err := c.claimed(ctx, newEngine(c.spec.Container.DockerHost), cl, progress)
	if i == nil {
		cl.drop()
		if err == nil {
			return stranger{}, nil
		}
		return nil, err
	}
	cl.done()
	return i, nil
}

// runs implements [launcher]. The engine is asked only where the plugin has
// started such a server before.
func (c *containers) runs(ctx context.Context) bool {
	cl := claim{dir: runtimePath(c.cfg.RuntimeDir), id: c.spec.id()}
	if _, err := os.Stat(cl.leasePath()); err != nil {
		return false
	}
	e := newEngine(c.spec.Container.DockerHost)
	defer e.client.CloseIdleConnections()
	list, err := e.list(ctx, c.spec.address())
	return err == nil && slices.ContainsFunc(list, func(l listed) bool {
		return l.State == "running" && l.Labels[labelID] == cl.id && l.Labels[labelUser] == strconv.Itoa(os.Getuid())
	})
}

// claimed finds the container or starts one; neither a container nor an error
// means that somebody else's server is there.
func (c *containers) claimed(ctx context.Context, e *engine, cl *claim, progress func(string)) (*container, error) {
	found, err := c.find(ctx, e, cl.dir, progress)
	if err != nil {
		return nil, err
	}
	if found != "" {
		return newContainer(e, cl, found, c.cfg.stopTimeout(), true), nil
	}
	if well, err := inUse(ctx, c.spec, c.health); well || err != nil {
		return nil, err
	}
	if err := c.ensureImage(ctx, e, progress); err != nil {
		return nil, err
	}
	progress("is being started")
	if err := os.Remove(cl.path(askedSuffix)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, cannot("note the start: %w", err)
	}
	var created struct {
		ID string `json:"Id"`
	}
	if err := e.ask(ctx, http.MethodPost, "/containers/create", url.Values{"name": {c.name()}}, c.create(), &created); err != nil {
		return nil, err
	}
	if err := e.ask(ctx, http.MethodPost, "/containers/"+created.ID+"/start", nil, nil, nil); err != nil {
		// What was made is of no use, whatever ctx says.
		_ = e.remove(context.WithoutCancel(ctx), created.ID)
		return nil, c.notStarted(err)
	}
	return newContainer(e, cl, created.ID, c.cfg.stopTimeout(), false), nil
}

// find looks for the containers of this plugin at the address: one that runs
// with the same settings is taken over, one that ended is removed, and one with
// other settings is waited for, or removed if nobody uses it any more.
func (c *containers) find(ctx context.Context, e *engine, dir string, progress func(string)) (string, error) {
	for {
		list, err := e.list(ctx, c.spec.address())
		if err != nil {
			return "", err
		}
		waits := false
		for _, l := range list {
			own := l.Labels[labelID] == c.spec.id()
			switch {
			case l.Labels[labelUser] != strconv.Itoa(os.Getuid()):
				return "", portTaken(c.spec, "the container "+strings.Join(l.Names, ", ")+" of another user is there")
			case own && l.State == "running":
				return l.ID, nil
			case own:
				err = e.remove(ctx, l.ID)
			default:
				var removed bool
				removed, err = c.removeUnused(ctx, e, dir, l)
				waits = waits || !removed
			}
			if err != nil {
				return "", err
			}
		}
		if !waits {
			return "", nil
		}
		progress("waits until the container before it at " + c.spec.address() + " has ended")
		if err := sleep(ctx, 5*lockPoll); err != nil {
			return "", err
		}
	}
}

// removeUnused removes a container with other settings unless it is used.
func (c *containers) removeUnused(ctx context.Context, e *engine, dir string, l listed) (bool, error) {
	lease, err := tryLock(filepath.Join(dir, filepath.Base(l.Labels[labelID])+".lease"), exclusive)
	if lease == nil || err != nil {
		return false, err
	}
	defer lease.release()
	return true, e.remove(ctx, l.ID)
}

// list finds containers, also those that have ended.
func (e *engine) list(ctx context.Context, address string) ([]listed, error) {
	filter := string(encode(map[string][]string{"label": {labelAddress + "=" + address}}))
	var list []listed
	return list, e.ask(ctx, http.MethodGet, "/containers/json", url.Values{"all": {"1"}, "filters": {filter}}, nil, &list)
}

// remove removes a container, dead or alive. One that is gone already is fine.
func (e *engine) remove(ctx context.Context, id string) error {
	err := e.ask(ctx, http.MethodDelete, "/containers/"+id, url.Values{"force": {"1"}, "v": {"1"}}, nil, nil)
	if isStatus(err, http.StatusNotFound) || isStatus(err, http.StatusConflict) { // gone, or about to be
		return nil
	}
	return err
}
