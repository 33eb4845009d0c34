package config

import (
	"fmt"
	"strconv"
	"time"

	"github.com/backplane-dev/backplane/sdk/schema"
)

// Lifetime says when a provider's process runs, and how it is replaced.
type Lifetime struct {
	// Lazy starts the process with the first call; default false.
	Lazy bool
	// IdleStop stops it after that time without a call. Default 0: never.
	IdleStop time.Duration
	// DrainTimeout is how long a replaced process may finish its calls. Default
	// 5m.
	DrainTimeout time.Duration
	// Trial is how long a new binary or configuration is watched, and rolled back
	// if it fails. Default 60s; 0 is not at all.
	Trial time.Duration
}

// Process says what a provider's process may do and use.
type Process struct {
	// Memory in bytes, CPUs, and numbers of processes and of open files; 0, the
	// default, is no bound. CPUs and Processes need a cgroup.
	Memory    int64
	CPUs      float64
	Processes int
	OpenFiles int
	// User to run as, "" for the host's.
	User string
	// Files is [FilesPrivate], the default, or [FilesAny]. Read and Write open
	// further files and folders to a process with private ones.
	Files       string
	Read, Write []string
	// ConnectPorts and BindPorts are the TCP ports that are open to it; nil, the
	// default, is any.
	ConnectPorts, BindPorts []uint16
	// Required refuses to start a process that the system cannot confine so.
	Required bool
}

// The values of [Process.Files].
const (
	FilesPrivate = "private"
	FilesAny     = "any"
)

func defaultLifetime() Lifetime {
	return Lifetime{DrainTimeout: 5 * time.Minute, Trial: time.Minute}
}

// lifetimeSettings describes [Lifetime], which stands in the provider block
// itself.
func lifetimeSettings() []schema.Attribute {
	l := defaultLifetime()
	return []schema.Attribute{
		{Name: "lazy", Type: schema.Bool, Default: l.Lazy, Description: "Start the process with the first call"},
		duration("idle_stop", l.IdleStop, "Time without a call after which the process is stopped, until the next; 0s is never"),
		duration("drain_timeout", l.DrainTimeout, "Time that a replaced process is given to finish its calls"),
		duration("trial", l.Trial, "Time that a new binary or configuration is watched, and rolled back if it fails; 0s is not at all"),
	}
}

// processBlock describes the block process {} of a provider.
func processBlock() schema.Object {
	return schema.Object{Attributes: []schema.Attribute{
		{Name: "memory", Type: schema.Size, Default: "0", Max: schema.Bound(1 << 50), Description: "Bound of its memory; 0 is none"},
		{Name: "cpus", Type: schema.Number, Default: 0.0, Min: schema.Bound(0), Max: schema.Bound(4096), Description: "Bound of its processors, 1.5 is one and a half; 0 is none; needs server.cgroup"},
		count("processes", 0, 0, 1_000_000, "Bound of its processes and threads; 0 is none; needs server.cgroup"),
		count("open_files", 0, 0, 10_000_000, "Bound of its open files and connections; 0 is the host's"),
		{Name: "user", Type: schema.String, Description: `User to run as, "name" or "name:group"; only root can`},
		{Name: "files", Type: schema.String, Default: FilesPrivate, OneOf: []string{FilesPrivate, FilesAny},
			Description: `Files that are open to it: "private", its own folder and what programs need of the system, or "any"`},
		{Name: "read", Type: schema.StringList, Description: "Further files and folders that it may read"},
		{Name: "write", Type: schema.StringList, Description: "Further files and folders that it may read and write"},
		{Name: "connect_ports", Type: schema.StringList, Description: "TCP ports that it may connect to; by default any"},
		{Name: "bind_ports", Type: schema.StringList, Description: "TCP ports that it may listen on; by default any"},
		{Name: "required", Type: schema.Bool, Default: false, Description: "Do not start it if the system cannot confine it so"},
	}}
}

// readLifetime reads what the provider block says of the process's life.
func (f *File) readLifetime(s *section) Lifetime {
	l := defaultLifetime()
	f.decodeRaw(s, &struct {
		Lazy         *bool                 `json:"lazy"`
		IdleStop     *schema.DurationValue `json:"idle_stop"`
		DrainTimeout *schema.DurationValue `json:"drain_timeout"`
		Trial        *schema.DurationValue `json:"trial"`
	}{&l.Lazy, span(&l.IdleStop), span(&l.DrainTimeout), span(&l.Trial)})
	return l
}

// readProcess reads the block process {}.
func (f *File) readProcess(s *section) Process {
	p := Process{Files: FilesPrivate}
	f.decodeRaw(s, &struct {
		Process any `json:"process"`
	}{&struct {
		Memory    *schema.SizeValue `json:"memory"`
		CPUs      *float64          `json:"cpus"`
		Processes *int              `json:"processes"`
		OpenFiles *int              `json:"open_files"`
		User      *string           `json:"user"`
		Files     *string           `json:"files"`
		Required  *bool             `json:"required"`
	}{(*schema.SizeValue)(&p.Memory), &p.CPUs, &p.Processes, &p.OpenFiles, &p.User, &p.Files, &p.Required}})
	block, _ := s.values["process"].(map[string]any)
	for _, list := range []struct {
		name string
		into *[]string
	}{{"read", &p.Read}, {"write", &p.Write}} {
		for _, path := range stringsIn(block[list.name]) {
			*list.into = append(*list.into, f.relative(path))
		}
	}
	p.ConnectPorts = f.readPorts(s, block, "connect_ports")
	p.BindPorts = f.readPorts(s, block, "bind_ports")
	return p
}

// readPorts reads a list of ports. An empty list is none, an absent one any.
func (f *File) readPorts(s *section, block map[string]any, name string) []uint16 {
	given, ok := block[name]
	if !ok || given == nil {
		return nil
	}
	ports := []uint16{}
	for i, text := range stringsIn(given) {
		n, err := strconv.ParseUint(text, 10, 16)
		if err != nil {
			path := fmt.Sprintf("process.%s[%d]", name, i)
			at, _ := s.locate(path)
			f.errorAt(s, path, at.value, "Invalid port", `Write ports as numbers from 0 to 65535: ["443", "8443"].`)
			continue
		}
		ports = append(ports, uint16(n))
	}
	return ports
}
