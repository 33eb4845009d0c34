package providertest

import (
	"context"
	"sync"

	"google.golang.org/grpc"

	"github.com/backplane-dev/backplane/sdk/client"
	pb "github.com/backplane-dev/backplane/sdk/internal/providerpb"
)

// subject is one running instance of the provider under test.
type subject struct {
	cc   grpc.ClientConnInterface
	conn *client.Conn // without a session
	// raw shows what the SDK's client would hide or put right.
	raw pb.ProviderServiceClient
	// onSession is open, or was: cases share it until one broke it.
	onSession *session
	opening   sync.Mutex
	// process is nil in process.
	process *process
	// close stops the instance at once.
	close func()
}

func newSubject(cc grpc.ClientConnInterface) *subject {
	return &subject{cc: cc, conn: client.New(cc, client.WithoutSession()), raw: pb.NewProviderServiceClient(cc)}
}

// session returns the instance's session, opened anew if it has ended.
func (s *subject) session(ctx context.Context) (*session, error) {
	s.opening.Lock()
	defer s.opening.Unlock()
	if s.onSession != nil && s.onSession.failed() == nil {
		return s.onSession, nil
	}
	opened, err := openSession(ctx, s.raw)
	s.onSession = opened
	return opened, err
}

// launcher starts instances of the provider under test.
type launcher interface {
	launch(ctx context.Context) (*subject, error)
	// binary is the path of the plugin, "" in process.
	binary() string
}
