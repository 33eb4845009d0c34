package managed

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/schema"
)

// spec is what makes a running server this one and not another: what is
// started, and where. Two endpoints with equal specs can use the same server.
type spec struct {
	Mode      string            `json:"mode"`
	Host      string            `json:"host"`
	Port      string            `json:"port"`
	Argv      []string          `json:"argv"`
	Env       map[string]string `json:"env,omitempty"`
	Directory string            `json:"directory,omitempty"`
	Container *containerConfig  `json:"container,omitempty"`
}

// address is where the server listens.
func (s *spec) address() string { return net.JoinHostPort(s.Host, s.Port) }

// id names the server in files and labels. It says nothing about its settings.
func (s *spec) id() string { return digest(s) }

func digest(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // strings, numbers and maps of them always encode
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:6])
}

// hostNetwork is the machine's own network, in which nothing is published.
const hostNetwork = "host"

// newSpec makes the spec of an endpoint's settings, or says what is wrong with
// them. The paths of its diagnostics lead into the endpoint's settings.
func (f *Family) newSpec(cfg *config, baseURL, model string) (*spec, error) {
	host, port, err := localAddress(baseURL)
	if err != nil {
		return nil, mistake("base_url", "Not an address for a server that is started here", "%q %v.", baseURL, err)
	}
	if cfg.Model != "" {
		model = cfg.Model
	}
	s := &spec{Mode: cfg.Mode, Host: host, Port: port, Env: cfg.Env, Directory: cfg.Process.Directory}
	command, inside := cfg.Process.Command, []string{host, port}
	if cfg.Mode == modeContainer {
		c := cfg.Container
		s.Container, s.Directory = &c, ""
		command = f.Arguments
		if c.Network != hostNetwork { // else it would listen for the whole network
			inside = []string{"0.0.0.0", fmt.Sprint(c.Port)}
		}
	}
	fill := strings.NewReplacer("{host}", inside[0], "{port}", inside[1], "{model}", model)
	for _, arg := range append(append([]string{}, command...), cfg.Args...) {
		if model == "" && strings.Contains(arg, "{model}") {
			return nil, mistake("server.model", "No model",
				"The server is started with a model: set \"model\" in the endpoint or in the block \"server\".")
		}
		s.Argv = append(s.Argv, fill.Replace(arg))
	}
	return s, nil
}

// localAddress takes the host and port out of a base URL. The server is bound to
// this machine alone: nothing that is started here can be reached from elsewhere.
func localAddress(baseURL string) (host, port string, err error) {
	u, err := url.Parse(baseURL)
	if err != nil || u.Host == "" {
		return "", "", fmt.Errorf("is no address")
	}
	if u.Scheme != "http" {
		return "", "", fmt.Errorf("must begin with http:// where the server is started here")
	}
	host, port = u.Hostname(), u.Port()
	if port == "" {
		return "", "", fmt.Errorf("must name the port on which the server is to listen, as in http://127.0.0.1:8000")
	}
	if host == "localhost" {
		return "127.0.0.1", port, nil
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return "", "", fmt.Errorf("must be an address of this machine alone, such as http://127.0.0.1:%s", port)
	}
	return host, port, nil
}

func mistake(path, summary, format string, args ...any) error {
	return &provider.ConfigError{Diagnostics: []schema.Diagnostic{{Path: path, Summary: summary, Detail: fmt.Sprintf(format, args...)}}}
}
