package wire

import (
	"context"

	pb "github.com/backplane-dev/backplane/sdk/internal/providerpb"
	"github.com/backplane-dev/backplane/sdk/internal/session"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// Session implements ProviderService.
func (s *Server) Session(stream pb.ProviderService_SessionServer) error {
	m, err := s.describe()
	if err != nil {
		return s.guard.status(err)
	}
	return session.Serve(stream, sessionHandler{s}, int64(MaxMessage(*m)))
}

// sessionHandler answers the calls of a session by the same code that answers
// those that are RPCs of their own.
type sessionHandler struct{ server *Server }

// Call implements [session.Handler].
func (h sessionHandler) Call(ctx context.Context, req *provider.Request) (*provider.Response, error) {
	return h.server.call(ctx, req)
}

// Stream implements [session.Handler].
func (h sessionHandler) Stream(ctx context.Context, req *provider.Request, send func(provider.Event) error) error {
	return h.server.stream(ctx, req, send)
}
