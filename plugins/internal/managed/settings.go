package managed

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/schema"
)

// blockName is the block of settings that says how the server is run.
const blockName = "server"

// The modes of the setting mode.
const (
	modeAttach    = "attach"
	modeProcess   = "process"
	modeContainer = "container"
)

// The values of the setting autostart.
const (
	startOpen     = "open"
	startFirstUse = "first_use"
	startManual   = "manual"
)

// The values of the setting container.pull.
const (
	pullMissing = "missing"
	pullAlways  = "always"
	pullNever   = "never"
)

// Family says how one kind of server is started.
type Family struct {
	// Command starts it as a process. In it, and in Arguments, {host}, {port} and
	// {model} are replaced.
	Command []string
	// Image is its container's, Arguments what the image's entry point is given,
	// and Port the one on which it listens inside.
	Image     string
	Arguments []string
	Port      int
	// ImageEnv and GPUEnv name environment variables of the host for the settings
	// container.image and container.gpus.
	ImageEnv, GPUEnv []string
	// Alias is the server's own name for the model that it was started with, ""
	// if that is the model's.
	Alias string
	// Health is the path that answers with success once the server can be used.
	Health string
}

// config is the decoded block.
type config struct {
	Mode           string               `json:"mode"`
	Autostart      string               `json:"autostart"`
	IdleStop       schema.DurationValue `json:"idle_stop"`
	StartTimeout   schema.DurationValue `json:"start_timeout"`
	StopTimeout    schema.DurationValue `json:"stop_timeout"`
	HealthInterval schema.DurationValue `json:"health_interval"`
	UnhealthyAfter schema.DurationValue `json:"unhealthy_after"`
	MaxRestarts    int                  `json:"max_restarts"`
	Model          string               `json:"model"`
	Args           []string             `json:"args"`
	Env            map[string]string    `json:"env"`
	RuntimeDir     string               `json:"runtime_dir"`
	Process        processConfig        `json:"process"`
	Container      containerConfig      `json:"container"`

	given bool // the block is there
}

type processConfig struct {
	Command   []string `json:"command"`
	Directory string   `json:"directory"`
}

type containerConfig struct {
	Image      string           `json:"image"`
	Pull       string           `json:"pull"`
	DockerHost string           `json:"docker_host"`
	Port       int              `json:"port"`
	GPUs       string           `json:"gpus"`
	Volumes    []string         `json:"volumes"`
	Network    string           `json:"network"`
	SharedMem  schema.SizeValue `json:"shared_memory"`
}

// block describes the settings of the server.
func (f *Family) block() schema.Block {
	return schema.Block{
		Name:        blockName,
		Description: "How the server is run. Absent, it runs by itself and is not even watched.",
		Object: schema.Object{
			Attributes: lifeSettings,
			Blocks: []schema.Block{
				{Name: "process", Description: `The local process, with mode "process".`, Object: schema.Object{Attributes: f.processSettings()}},
				{Name: "container", Description: `The container, with mode "container".`, Object: schema.Object{Attributes: f.containerSettings()}},
			},
		},
	}
}

// lifeSettings are the same for processes and containers.
var lifeSettings = []schema.Attribute{
	{
		Name: "mode", Type: schema.String, Default: modeAttach, OneOf: []string{modeAttach, modeProcess, modeContainer},
		Description: "attach uses a server that runs by itself; process and container start one at the address in base_url, which must be on this machine.",
	},
	{
		Name: "autostart", Type: schema.String, Default: startFirstUse, OneOf: []string{startOpen, startFirstUse, startManual},
		Description: "When the server is started: when the endpoint is opened, with the first call, or only by server.start.",
	},
	{
		Name: "idle_stop", Type: schema.Duration, Default: "0s", Min: schema.Bound(0),
		Description: "Stops a server that was not called for so long; 0s never does. The next call starts it again, unless autostart is manual.",
	},
	{
		Name: "start_timeout", Type: schema.Duration, Default: "15m", Min: schema.Bound(0.1),
		Description: "Time from the start until the server answers, with the model loaded; the download of an image is not counted.",
	},
	{
		Name: "stop_timeout", Type: schema.Duration, Default: "15s", Min: schema.Bound(0),
		Description: "Time that the server is given to end by itself before it is killed.",
	},
	{
		Name: "health_interval", Type: schema.Duration, Default: "5s", Min: schema.Bound(0.05),
		Description: "Time between two looks at the server's health, also of one that runs by itself.",
	},
	{
		Name: "unhealthy_after", Type: schema.Duration, Default: "1m", Min: schema.Bound(0),
		Description: "Restarts a server that runs and has not answered for so long; 0s never does.",
	},
	{
		Name: "max_restarts", Type: schema.Int, Default: 3, Min: schema.Bound(0), Max: schema.Bound(1000),
		Description: "Restarts within ten minutes after which a server that keeps ending is given up, until server.start.",
	},
	{
		Name: "model", Type: schema.String, Min: schema.Bound(1),
		Description: "The model that the server is started with, {model} in its command. Absent, it is the endpoint's.",
	},
	{
		Name: "args", Type: schema.StringList,
		Description: "Further arguments of the server, one element each; no shell reads them. They are shown in the status: secrets belong in env.",
	},
	{
		Name: "env", Type: schema.StringMap, Sensitive: true,
		Description: "Environment variables of the server, such as HF_TOKEN. Beside them it gets PATH, HOME, LANG and TZ alone.",
	},
	{
		Name: "runtime_dir", Type: schema.String, Min: schema.Bound(1),
		Description: "Directory for locks and sockets, for this user alone. Absent, it is /run/user/UID/backplane, or /tmp/backplane-UID.",
	},
}

func (f *Family) processSettings() []schema.Attribute {
	return []schema.Attribute{
		{
			Name: "command", Type: schema.StringList, Default: f.Command, Min: schema.Bound(1),
			Description: "Program and arguments, one element each. {host}, {port} and {model} are replaced; args follow.",
		},
		{
			Name: "directory", Type: schema.String, Min: schema.Bound(1),
			Description: "Working directory; absent, it is the root directory.",
		},
	}
}

func (f *Family) containerSettings() []schema.Attribute {
	return []schema.Attribute{
		{Name: "image", Type: schema.String, Default: f.Image, Min: schema.Bound(1), Env: f.ImageEnv, Description: "Image, with its tag or digest."},
		{
			Name: "pull", Type: schema.String, Default: pullMissing, OneOf: []string{pullMissing, pullAlways, pullNever},
			Description: "When the image is downloaded: if it is missing, at every start, or never.",
		},
		{
			Name: "docker_host", Type: schema.String, Default: "unix:///var/run/docker.sock", Pattern: "(unix:///|tcp://|http://).+", Env: []string{"DOCKER_HOST"},
			Description: "Address of the Docker Engine: unix:///path, or tcp://host:port without TLS.",
		},
		{Name: "port", Type: schema.Int, Default: f.Port, Min: schema.Bound(1), Max: schema.Bound(65535), Description: "Port on which the server listens inside the container."},
		{Name: "gpus", Type: schema.String, Pattern: "all|[1-9][0-9]*|device=.+", Env: f.GPUEnv, Description: `Graphics processors for the container: "all", a number of them, or "device=0,1". Absent, there are none.`},
		{Name: "volumes", Type: schema.StringList, Description: `Directories and volumes, as "source:/path" or "source:/path:ro".`},
		{Name: "network", Type: schema.String, Min: schema.Bound(1), Description: "Network of the container; absent, it is Docker's bridge. In host, the machine's own, the server itself listens at the address in base_url."},
		{Name: "shared_memory", Type: schema.Size, Default: "1GiB", Min: schema.Bound(0), Description: "Size of /dev/shm, which several processors need to talk to each other; 0 leaves it to Docker."},
	}
}

// split takes the block out of an endpoint's settings and decodes it, with all
// defaults.
func (f *Family) split(in provider.Settings) (provider.Settings, config, error) {
	var cfg config
	var all map[string]json.RawMessage
	if err := in.Decode(&all); err != nil {
		return in, cfg, err
	}
	given := map[string]json.RawMessage{}
	if raw := all[blockName]; raw != nil {
		if err := json.Unmarshal(raw, &given); err != nil {
			return in, cfg, fmt.Errorf("decode settings: %w", err)
		}
	}
	cfg.given = all[blockName] != nil
	delete(all, blockName)
	for _, nested := range []string{modeProcess, modeContainer} { // a block without its defaults is of no use
		if given[nested] == nil {
			given[nested] = json.RawMessage("{}")
		}
	}
	raw, err := json.Marshal(given)
	if err != nil {
		return in, cfg, fmt.Errorf("decode settings: %w", err)
	}
	full, diags := f.block().Object.Check(raw)
	if schema.HasErrors(diags) {
		return in, cfg, &provider.ConfigError{Diagnostics: diags}
	}
	if err := provider.NewSettings(full).Decode(&cfg); err != nil {
		return in, cfg, err
	}
	rest, err := json.Marshal(all)
	if err != nil {
		return in, cfg, fmt.Errorf("decode settings: %w", err)
	}
	return provider.NewSettings(rest), cfg, nil
}

func (c *config) startTimeout() time.Duration   { return time.Duration(c.StartTimeout) }
func (c *config) stopTimeout() time.Duration    { return time.Duration(c.StopTimeout) }
func (c *config) healthInterval() time.Duration { return time.Duration(c.HealthInterval) }
func (c *config) unhealthyAfter() time.Duration { return time.Duration(c.UnhealthyAfter) }
func (c *config) idleStop() time.Duration       { return time.Duration(c.IdleStop) }
