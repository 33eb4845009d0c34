//go:build unix

package managed

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/backplane-dev/backplane/sdk/provider"
)

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
	PortBindings   map[string][]portBinding `json:",omitempty"`
	Binds          []string                 `json:",omitempty"`
	NetworkMode    string                   `json:",omitempty"`
	ShmSize        int64                    `json:",omitempty"`
	DeviceRequests []deviceRequest          `json:",omitempty"`
}

// createRequest is the body with which a container is made.
type createRequest struct {
	Image        string
	Cmd          []string
	Env          []string `json:",omitempty"`
	Labels       map[string]string
	ExposedPorts map[string]struct{} `json:",omitempty"`
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
	if s.Network == hostNetwork {
		req.ExposedPorts, req.HostConfig.PortBindings = nil, nil
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
