package providertest

import (
	"context"

	"google.golang.org/grpc"

	"github.com/backplane-dev/backplane/sdk/client"
	pb "github.com/backplane-dev/backplane/sdk/internal/providerpb"
)

// subject is one running instance of the provider under test.
type subject struct {
	conn *client.Conn
	// raw shows what the SDK's client would hide or put right.
	raw pb.ProviderServiceClient
	// process is nil in process.
	process *process
	// close stops the instance at once.
	close func()
}

func newSubject(cc grpc.ClientConnInterface) *subject {
	return &subject{conn: client.New(cc), raw: pb.NewProviderServiceClient(cc)}
}

// launcher starts instances of the provider under test.
type launcher interface {
	launch(ctx context.Context) (*subject, error)
	// binary is the path of the plugin, "" in process.
	binary() string
}
