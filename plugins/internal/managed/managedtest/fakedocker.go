package managedtest

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Docker is a fake of the Docker Engine on a unix socket, written from the
// description of its API. Its containers are servers in this process.
type Docker struct {
	// Host is its address, for the setting docker_host.
	Host string

	mu         sync.Mutex
	images     map[string]bool
	containers map[string]*Container
	calls      []string
	number     int
	// What the next containers do.
	Load      time.Duration // time until they listen
	ExitCode  int           // they end at once with it, unless it is 0
	StartText string        // the engine refuses to start them with these words
	PullError string        // a download fails with these words
}

// Container is one of the fake's containers.
type Container struct {
	ID, Name, State string
	Config          Config
	Code            int
	Log             []string
	ended           chan struct{}
	server          *http.Server
}

// Config is what a container was made with: the fields of the API that are used.
type Config struct {
	Image        string
	Cmd          []string
	Env          []string
	Labels       map[string]string
	ExposedPorts map[string]struct{}
	HostConfig   struct {
		PortBindings map[string][]struct {
			HostIP   string `json:"HostIp"`
			HostPort string
		}
		Binds          []string
		NetworkMode    string
		ShmSize        int64
		DeviceRequests []struct {
			Driver       string
			Count        int
			DeviceIDs    []string
			Capabilities [][]string
		}
	}
}

// NewDocker starts a fake engine that has some images.
func NewDocker(t testing.TB, images ...string) *Docker {
	t.Helper()
	socket := filepath.Join(Dir(t), "docker.sock")
	d := &Docker{Host: "unix://" + socket, images: map[string]bool{}, containers: map[string]*Container{}}
	for _, image := range images {
		d.images[image] = true
	}
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: d.handler(), ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(listener) }() // it ends with Close
	t.Cleanup(func() {
		_ = server.Close()
		for _, c := range d.All() {
			d.end(c, 137)
		}
	})
	return d
}

// All returns the containers that are not removed.
func (d *Docker) All() []*Container {
	d.mu.Lock()
	defer d.mu.Unlock()
	var all []*Container
	for _, c := range d.containers {
		all = append(all, c)
	}
	return all
}

// Running returns the ids of those that run.
func (d *Docker) Running() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var ids []string
	for id, c := range d.containers {
		if c.State == "running" {
			ids = append(ids, id)
		}
	}
	return ids
}

// Calls returns what was asked of the engine, without what repeats itself.
func (d *Docker) Calls() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.calls)
}

// Set changes what the next containers do.
func (d *Docker) Set(change func(*Docker)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change(d)
}

// Kill ends the containers that run, as if they had crashed.
func (d *Docker) Kill(code int) {
	for _, c := range d.All() {
		d.end(c, code)
	}
}

func (d *Docker) handler() http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, h func(http.ResponseWriter, *http.Request)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if !strings.HasSuffix(r.URL.Path, "/logs") {
				d.mu.Lock()
				d.calls = append(d.calls, r.Method+" "+r.URL.Path)
				d.mu.Unlock()
			}
			h(w, r)
		})
	}
	handle("GET /images/{name...}", d.image)
	handle("POST /images/create", d.pull)
	handle("POST /containers/create", d.create)
	handle("GET /containers/json", d.list)
	on := func(pattern string, h func(http.ResponseWriter, *http.Request, *Container)) {
		handle(pattern, func(w http.ResponseWriter, r *http.Request) {
			d.mu.Lock()
			c := d.containers[r.PathValue("id")]
			d.mu.Unlock()
			if c == nil {
				refuse(w, http.StatusNotFound, "No such container: "+r.PathValue("id"))
				return
			}
			h(w, r, c)
		})
	}
	on("POST /containers/{id}/start", d.start)
	on("POST /containers/{id}/wait", d.wait)
	on("POST /containers/{id}/stop", d.stop)
	on("GET /containers/{id}/json", d.inspect)
	on("GET /containers/{id}/logs", d.logs)
	on("DELETE /containers/{id}", d.remove)
	return mux
}

func refuse(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"message": message}) // a failure is seen by the reader
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // as above
}

func (d *Docker) image(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimSuffix(r.PathValue("name"), "/json")
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.images[name] {
		refuse(w, http.StatusNotFound, "No such image: "+name)
		return
	}
	answer(w, http.StatusOK, map[string]string{"Id": "sha256:fake"})
}

// pull tells of two layers, as the engine does: a line of JSON each.
func (d *Docker) pull(w http.ResponseWriter, r *http.Request) {
	name := r.FormValue("fromImage")
	if tag := r.FormValue("tag"); tag != "" {
		name += ":" + tag
	}
	w.Header().Set("Content-Type", "application/json")
	say := func(line string) {
		_, _ = io.WriteString(w, line+"\r\n") // a failure is seen by the reader
		w.(http.Flusher).Flush()
	}
	say(`{"status":"Pulling from fake","id":"latest"}`)
	for _, mega := range []int{10, 200} {
		say(fmt.Sprintf(`{"status":"Downloading","progressDetail":{"current":%d,"total":%d},"id":"a1"}`, mega<<20, 300<<20))
		say(`{"status":"Downloading","progressDetail":{"current":1048576,"total":104857600},"id":"b2"}`)
		time.Sleep(150 * time.Millisecond)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.PullError != "" {
		text, _ := json.Marshal(d.PullError) // a string always encodes
		say(fmt.Sprintf(`{"errorDetail":{"message":%s},"error":%s}`, text, text))
		return
	}
	d.images[r.FormValue("fromImage")], d.images[name] = true, true
	say(`{"status":"Status: Downloaded newer image for ` + name + `"}`)
}

func (d *Docker) create(w http.ResponseWriter, r *http.Request) {
	var config Config
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields() // what this fake does not know is not in the description, or not used
	if err := decoder.Decode(&config); err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	name := r.FormValue("name")
	for _, c := range d.containers {
		if c.Name == "/"+name {
			refuse(w, http.StatusConflict, "Conflict. The container name \"/"+name+"\" is already in use by container \""+c.ID+"\".")
			return
		}
	}
	if !d.images[config.Image] {
		refuse(w, http.StatusNotFound, "No such image: "+config.Image)
		return
	}
	d.number++
	c := &Container{ID: fmt.Sprintf("%012x", d.number), Name: "/" + name, State: "created", Config: config, ended: make(chan struct{})}
	d.containers[c.ID] = c
	answer(w, http.StatusCreated, map[string]any{"Id": c.ID, "Warnings": []string{}})
}

func (d *Docker) list(w http.ResponseWriter, r *http.Request) {
	var filters struct{ Label []string }
	if err := json.Unmarshal([]byte(r.FormValue("filters")), &filters); err != nil || r.FormValue("all") != "1" {
		refuse(w, http.StatusBadRequest, "invalid filter")
		return
	}
	list := []map[string]any{}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range d.containers {
		fits := true
		for _, label := range filters.Label {
			key, value, _ := strings.Cut(label, "=")
			fits = fits && c.Config.Labels[key] == value
		}
		if fits {
			list = append(list, map[string]any{"Id": c.ID, "State": c.State, "Names": []string{c.Name}, "Labels": c.Config.Labels})
		}
	}
	answer(w, http.StatusOK, list)
}

// start lets the container's server listen at the published port.
func (d *Docker) start(w http.ResponseWriter, _ *http.Request, c *Container) {
	d.mu.Lock()
	refusal, load, code := d.StartText, d.Load, d.ExitCode
	c.State = "running"
	c.Log = append(c.Log, "loading weights: 25%")
	d.mu.Unlock()
	if refusal != "" {
		refuse(w, http.StatusInternalServerError, refusal)
		return
	}
	w.WriteHeader(http.StatusNoContent)
	if code != 0 {
		c.Log = append(c.Log, "ValueError: the model's weights are made of cheese")
		d.end(c, code)
		return
	}
	go d.serve(c, load)
}

// addresses are where the container's server can be reached: in the machine's
// own network where its arguments say.
func (c *Container) addresses() []string {
	if c.Config.HostConfig.NetworkMode == "host" {
		argument := func(name string) string { return c.Config.Cmd[slices.Index(c.Config.Cmd, name)+1] }
		return []string{net.JoinHostPort(argument("--host"), argument("--port"))}
	}
	var all []string
	for _, b := range c.Config.HostConfig.PortBindings {
		all = append(all, net.JoinHostPort(b[0].HostIP, b[0].HostPort))
	}
	return all
}

func (d *Docker) serve(c *Container, load time.Duration) {
	select {
	case <-time.After(load):
	case <-c.ended:
		return
	}
	for _, address := range c.addresses() {
		listener, err := net.Listen("tcp", address) //nolint:noctx // it is closed with the server
		if err != nil {
			d.end(c, 1)
			return
		}
		f := &faults{model: strings.Join(c.Config.Cmd, " ")}
		server := &http.Server{Handler: f, ReadHeaderTimeout: time.Minute}
		d.mu.Lock()
		if c.server = server; c.State != "running" {
			_ = server.Close()
		}
		d.mu.Unlock()
		_ = server.Serve(listener) // it ends with Close
	}
}

// end ends a container once.
func (d *Docker) end(c *Container, code int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if c.State != "running" {
		return
	}
	c.State, c.Code = "exited", code
	if c.server != nil {
		_ = c.server.Close()
	}
	close(c.ended)
}

func (d *Docker) wait(w http.ResponseWriter, r *http.Request, c *Container) {
	w.WriteHeader(http.StatusOK)
	w.(http.Flusher).Flush() // the engine, too, sends its header at once
	select {
	case <-c.ended:
		d.mu.Lock()
		defer d.mu.Unlock()
		_ = json.NewEncoder(w).Encode(map[string]int{"StatusCode": c.Code}) // a failure is seen by the reader
	case <-r.Context().Done():
	}
}

func (d *Docker) stop(w http.ResponseWriter, _ *http.Request, c *Container) {
	d.end(c, 143)
	w.WriteHeader(http.StatusNoContent)
}

func (d *Docker) inspect(w http.ResponseWriter, _ *http.Request, c *Container) {
	d.mu.Lock()
	defer d.mu.Unlock()
	answer(w, http.StatusOK, map[string]any{"Id": c.ID, "State": map[string]any{
		"Status": c.State, "Running": c.State == "running", "ExitCode": c.Code, "OOMKilled": c.Code == 137, "Error": "",
	}})
}

// logs sends each line in a frame of its own, as of standard error.
func (d *Docker) logs(w http.ResponseWriter, _ *http.Request, c *Container) {
	d.mu.Lock()
	defer d.mu.Unlock()
	w.Header().Set("Content-Type", "application/vnd.docker.multiplexed-stream")
	for _, line := range c.Log {
		head := [8]byte{0: 2}
		binary.BigEndian.PutUint32(head[4:], uint32(len(line)+1)) //nolint:gosec // a short line
		_, _ = w.Write(append(head[:], line+"\n"...))             // a failure is seen by the reader
	}
}

func (d *Docker) remove(w http.ResponseWriter, r *http.Request, c *Container) {
	if r.FormValue("force") != "1" {
		d.mu.Lock()
		running := c.State == "running"
		d.mu.Unlock()
		if running {
			refuse(w, http.StatusConflict, "cannot remove a running container")
			return
		}
	}
	d.end(c, 137)
	d.mu.Lock()
	delete(d.containers, c.ID)
	d.mu.Unlock()
	w.WriteHeader(http.StatusNoContent)
}
