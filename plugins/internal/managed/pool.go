package managed

import (
	"log/slog"
	"sync"
)

// pool holds the servers of this process of the plugin, so that endpoints with
// the same settings share one. Safe for concurrent use.
type pool struct {
	mu      sync.Mutex
	servers map[string]*server // by key
}

// open finds the server for an endpoint or makes it; close must follow.
func (p *pool) open(endpoint string, s *spec, cfg *config, health string) (*server, error) {
	key := digest(struct {
		Spec   *spec
		Config *config
	}{s, cfg})
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, other := range p.servers {
		// An endpoint that is changed is opened anew before the old one is closed.
		if other.key != key && other.spec.address() == s.address() && other.usedByOthers(endpoint) {
			return nil, mistake("base_url", "Address of another server",
				"Another endpoint has a server with other settings at %s. Give this one another port, or both the same settings in \"server\".", s.address())
		}
	}
	found := p.servers[key]
	if found == nil {
		found = newServer(key, s, cfg, health, slog.Default())
		if p.servers == nil {
			p.servers = map[string]*server{}
		}
		p.servers[key] = found
	}
	found.use(endpoint)
	return found, nil
}

// close ends an endpoint's use of its server.
func (p *pool) close(endpoint string, s *server) {
	p.mu.Lock()
	done, last := s.leave(endpoint)
	if last {
		delete(p.servers, s.key)
	}
	p.mu.Unlock()
	if last {
		waitFor(done, leaveTime)
	}
}
