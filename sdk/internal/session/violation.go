package session

import (
	"errors"
	"fmt"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// errMalformed is a message that is no protobuf of the kind that it should be.
var errMalformed = errors.New("a message cannot be decoded")

// violation is a breach of the protocol by the peer. It ends the session.
func violation(format string, args ...any) error {
	return status.Errorf(codes.InvalidArgument, "session: "+format, args...)
}

// undecodable tells the peer that a message of its is malformed.
func undecodable(err error) error { return violation("%v", err) }

// tooLarge is what gRPC says of a message over its limit, so that a body over the
// limit fails alike on a session and on an RPC of its own.
func tooLarge(size, limit int64) error {
	return status.Error(codes.ResourceExhausted, fmt.Sprintf("grpc: received message larger than max (%d vs. %d)", size, limit))
}
