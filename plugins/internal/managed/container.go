//go:build unix

package managed

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/backplane-dev/backplane/sdk/provider"
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

func (c *containers) name() string { return "backplane-" + c.spec.id() }

// notStarted says what the engine's words about a start mean here.
func (c *containers) notStarted(err error) error {
	text := err.Error()
	switch {
	case strings.Contains(text, "port is already allocated"), strings.Contains(text, "address already in use"):
		return portTaken(c.spec, "the Docker Engine cannot publish it")
	case strings.Contains(text, "could not select device driver"):
		e := provider.AsError(err)
		e.Message += "; install the NVIDIA Container Toolkit, or leave server.container.gpus away"
		return e
	default:
		return err
	}
}

// portBinding publishes a port on this machine.
type portBinding struct {
	HostIP   string `json:"HostIp"`
	HostPort string
}

// deviceRequest asks for graphics processors.
type deviceRequest struct {
	Driver       string   `json:",omitempty"`
	Count        int      `json:",omitempty"`
	DeviceIDs    []string `json:",omitempty"`
	Capabilities [][]string
}

// hostConfig is how a container is tied to the machine.
type hostConfig struct {
	PortBindings   map[string][]portBinding
	Binds          []string        `json:",omitempty"`
	NetworkMode    string          `json:",omitempty"`
	ShmSize        int64           `json:",omitempty"`
	DeviceRequests []deviceRequest `json:",omitempty"`
}

// createRequest is the body with which a container is made.
type createRequest struct {
	Image        string
	Cmd          []string
	Env          []string `json:",omitempty"`
	Labels       map[string]string
	ExposedPorts map[string]struct{}
	HostConfig   hostConfig
}

// create is the container of the spec. Its port is published on this machine's
// loopback alone. It is not restarted by the engine: that is done here, where it
// is bounded.
func (c *containers) create() createRequest {
	s := c.spec.Container
	port := fmt.Sprintf("%d/tcp", s.Port)
	req := createRequest{
		Image: s.Image, Cmd: c.spec.Argv, ExposedPorts: map[string]struct{}{port: {}},
		Labels: map[string]string{labelID: c.spec.id(), labelAddress: c.spec.address(), labelUser: strconv.Itoa(os.Getuid())},
		HostConfig: hostConfig{
			PortBindings: map[string][]portBinding{port: {{c.spec.Host, c.spec.Port}}},
			Binds:        s.Volumes, NetworkMode: s.Network, ShmSize: int64(s.SharedMem), DeviceRequests: devices(s.GPUs),
		},
	}
	for _, name := range slices.Sorted(maps.Keys(c.spec.Env)) {
		req.Env = append(req.Env, name+"="+c.spec.Env[name])
	}
	return req
}

// devices are the graphics processors: "all", a number of them, or some.
func devices(gpus string) []deviceRequest {
	request := deviceRequest{Driver: "nvidia", Capabilities: [][]string{{"gpu"}}}
	some, named := strings.CutPrefix(gpus, "device=")
	n, err := strconv.Atoi(gpus)
	switch {
	case gpus == "":
		return nil
	case named:
		request.DeviceIDs = strings.Split(some, ",")
	case err == nil:
		request.Count = n
	default:
		request.Count = -1 // all
	}
	return []deviceRequest{request}
}

// inspected is what the engine says of a container.
type inspected struct {
	State struct {
		Running   bool
		OOMKilled bool
		ExitCode  int
		Error     string
	}
}

// exitOf says how a container ended.
func (e *engine) exitOf(ctx context.Context, id string) string {
	var i inspected
	raw := json.RawMessage{}
	if err := e.ask(ctx, http.MethodGet, "/containers/"+id+"/json", nil, nil, &raw); err != nil || json.Unmarshal(raw, &i) != nil {
		return "its container was removed"
	}
	text := "exit status " + strconv.Itoa(i.State.ExitCode)
	if i.State.OOMKilled {
		text += ", killed since its memory was used up"
	}
	if i.State.Error != "" {
		text += " (" + i.State.Error + ")"
	}
	return text
}
