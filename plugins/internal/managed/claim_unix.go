//go:build unix

package managed

import (
	"context"
	"net"
	"path/filepath"
	"strings"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// claim is the right to use a server, and while it is being started the right to
// do so: of all processes of the plugin one starts it, the others find it.
type claim struct {
	dir, id string
	lease   *lock
	turn    *lock
}

// newClaim waits until a server of this id that is being stopped is gone, and
// for the turn to start one.
func newClaim(ctx context.Context, dir, id string) (*claim, error) {
	c := &claim{dir: dir, id: id}
	var err error
	if c.lease, err = awaitLock(ctx, c.leasePath(), shared); err != nil {
		return nil, err
	}
	if c.turn, err = awaitLock(ctx, c.path(".start"), exclusive); err != nil {
		c.lease.release()
		return nil, err
	}
	return c, nil
}

func (c *claim) path(suffix string) string { return filepath.Join(c.dir, c.id+suffix) }
func (c *claim) leasePath() string         { return c.path(".lease") }

// done gives the turn to the next.
func (c *claim) done() {
	c.turn.release()
	c.turn = nil
}

// drop gives all back.
func (c *claim) drop() {
	c.done()
	c.lease.release()
}

// addressLock is held by who listens, or is about to, at an address.
func addressLock(dir string, s *spec) string {
	return filepath.Join(dir, strings.NewReplacer(":", "-", "[", "", "]", "").Replace(s.address())+".address")
}

// takeAddress waits until no other server of ours uses the address: one with
// other settings, whose endpoint has been changed, ends once its last calls have.
func takeAddress(ctx context.Context, dir string, s *spec, progress func(string)) (*lock, error) {
	path := addressLock(dir, s)
	l, err := tryLock(path, exclusive)
	if l != nil || err != nil {
		return l, err
	}
	progress("waits until the server before it at " + s.address() + " has ended")
	return awaitLock(ctx, path, exclusive)
}

// inUse looks at who listens at the address: nobody, a server that is well, or
// somebody else.
func inUse(ctx context.Context, s *spec, health string) (well bool, err error) {
	conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", s.address())
	if err != nil {
		return false, nil //nolint:nilerr // nobody listens
	}
	_ = conn.Close() // it was only opened to see that it can be
	if probe(ctx, "http://"+s.address()+health) == nil {
		return true, nil
	}
	return false, portTaken(s, "something that is not such a server listens there")
}

// portTaken says that the server cannot listen where it should.
func portTaken(s *spec, why string) *provider.Error {
	return provider.Errorf(provider.CodeConflict, "%s is taken: %s; stop it, or give base_url another port", s.address(), why)
}
