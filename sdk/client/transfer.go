package client

import (
	"context"
	"errors"
	"fmt"
	"io"

	pb "github.com/backplane-dev/backplane/sdk/internal/providerpb"
	"github.com/backplane-dev/backplane/sdk/internal/wire"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// Transfer calls an operation of mode "transfer". It returns when the head of
// the answer arrived; the upload may go on meanwhile. Uploading stops when the
// plugin has finished or failed, or the answer's Body is closed. A Read of
// req.Data that is under way then is not waited for.
//
// An upload that fails, or has another length than DataLength, cancels the
// transfer: half a file must not look like a whole one.
func (c *Conn) Transfer(ctx context.Context, req *provider.TransferRequest) (*provider.TransferResponse, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	res, err := c.transfer(ctx, cancel, req)
	if err != nil {
		err = wire.FromCall(ctx, err)
		cancel(nil)
		return nil, err
	}
	return res, nil
}

func (c *Conn) transfer(ctx context.Context, cancel context.CancelCauseFunc, req *provider.TransferRequest) (*provider.TransferResponse, error) {
	rpc, err := c.rpc.Transfer(ctx)
	if err != nil {
		return nil, err
	}
	if err := rpc.Send(wire.ToTransferRequest(req)); err != nil && !errors.Is(err, io.EOF) {
		return nil, err // at io.EOF the reason comes with Recv
	}
	if req.Data == nil {
		_ = rpc.CloseSend() // fails only if the stream did, and Recv says so
	} else {
		go send(rpc, cancel, req)
	}
	first, err := rpc.Recv()
	switch {
	case errors.Is(err, io.EOF):
		return nil, broken("the transfer ended without an answer")
	case err != nil:
		return nil, err
	case first.GetHead() == nil:
		return nil, broken("the answer of a transfer must begin with its head")
	}
	res := &provider.TransferResponse{TransferHead: wire.FromTransferHead(first.GetHead())}
	res.Body = &body{ctx: ctx, cancel: cancel, recv: rpc.Recv, res: res}
	return res, nil
}

// send uploads the caller's data in pieces, each as soon as it is read. Flow
// control holds it back while the plugin does not read.
func send(rpc pb.ProviderService_TransferClient, cancel context.CancelCauseFunc, req *provider.TransferRequest) {
	buf := make([]byte, pieceSize(req.DataLength))
	var sent int64
	for {
		n, err := req.Data.Read(buf)
		if n > 0 {
			sent += int64(n)
			if rpc.Send(&pb.TransferRequest{Frame: &pb.TransferRequest_Data{Data: buf[:n]}}) != nil {
				return // the plugin has answered or is gone; Recv says which
			}
		}
		switch {
		case err == nil:
			continue
		case !errors.Is(err, io.EOF):
			cancel(uploadError(err))
		case req.DataLength >= 0 && sent != req.DataLength:
			cancel(uploadError(fmt.Errorf("it ended after %d of %d bytes", sent, req.DataLength)))
		default:
			_ = rpc.CloseSend() // fails only if the stream did, and Recv says so
		}
		return
	}
}

// pieceSize is the memory for the pieces of an upload: no more than it has, with
// a byte to notice that it has more.
func pieceSize(length int64) int64 {
	if length < 0 {
		return wire.MaxPiece
	}
	return min(length+1, wire.MaxPiece)
}

// uploadError is a failure to read what the caller uploads.
func uploadError(err error) error {
	var e *provider.Error
	if errors.As(err, &e) {
		return e
	}
	return &provider.Error{Code: provider.CodeCanceled, Source: provider.SourceCaller,
		Message: "the upload broke off: " + err.Error(), Cause: err}
}

// body reads the answer of a transfer.
type body struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	recv   func() (*pb.TransferResponse, error)
	res    *provider.TransferResponse
	rest   []byte
	end    error
}

// Read implements [io.Reader].
func (b *body) Read(p []byte) (int, error) {
	for len(b.rest) == 0 && b.end == nil {
		b.next()
		if b.end != nil {
			b.cancel(nil)
		}
	}
	if len(b.rest) == 0 {
		return 0, b.end
	}
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	return n, nil
}

func (b *body) next() {
	frame, err := b.recv()
	switch {
	case errors.Is(err, io.EOF):
		b.end = broken("the transfer ended without a finished frame, so the answer may be cut off")
	case err != nil:
		b.end = wire.FromCall(b.ctx, err)
	case frame.GetHead() != nil:
		b.end = broken("the plugin sent a second head")
	case frame.GetFinished() != nil:
		b.res.Finish = wire.FromFinish(frame.GetFinished())
		b.end = io.EOF
	default:
		b.rest = frame.GetData()
	}
}

// Close implements [io.Closer]; it cancels a transfer that has not ended.
func (b *body) Close() error {
	b.cancel(closed())
	return nil
}
