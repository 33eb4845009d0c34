package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	pb "github.com/backplane-dev/backplane/sdk/internal/providerpb"
	"github.com/backplane-dev/backplane/sdk/internal/wire"
)

// The faults below break what the SDK's server would not let a provider break.

// hanging never says what it can do.
type hanging struct{ pb.ProviderServiceServer }

func (hanging) Describe(ctx context.Context, _ *pb.DescribeRequest) (*pb.DescribeResponse, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// careless accepts settings that nobody declared.
type careless struct{ pb.ProviderServiceServer }

func (c careless) OpenEndpoint(ctx context.Context, in *pb.OpenEndpointRequest) (*pb.OpenEndpointResponse, error) {
	out, err := c.ProviderServiceServer.OpenEndpoint(ctx, in)
	if out != nil {
		out.Diagnostics = nil
	}
	return out, err
}

// patient does not look at the time that an attempt has.
type patient struct{ pb.ProviderServiceServer }

func (p patient) Stream(in *pb.StreamRequest, out pb.ProviderService_StreamServer) error {
	in.Envelope.AttemptTimeout = nil
	return p.ProviderServiceServer.Stream(in, out)
}

func (p patient) Call(ctx context.Context, in *pb.CallRequest) (*pb.CallResponse, error) {
	in.Envelope.AttemptTimeout = nil
	return p.ProviderServiceServer.Call(ctx, in)
}

// leaky adds the key to its errors, "to help with debugging".
type leaky struct {
	pb.ProviderServiceServer
	mu  sync.Mutex
	key string
}

func (l *leaky) OpenEndpoint(ctx context.Context, in *pb.OpenEndpointRequest) (*pb.OpenEndpointResponse, error) {
	l.mu.Lock()
	l.key = string(in.GetCredential())
	l.mu.Unlock()
	return l.ProviderServiceServer.OpenEndpoint(ctx, in)
}

func (l *leaky) Call(ctx context.Context, in *pb.CallRequest) (*pb.CallResponse, error) {
	out, err := l.ProviderServiceServer.Call(ctx, in)
	if err != nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		e := wire.FromStatus(err)
		e.Message += " (the key was " + l.key + ")"
		return nil, wire.ToStatus(e)
	}
	return out, nil
}

// undrained goes on taking calls while it is being drained.
type undrained struct{ pb.ProviderServiceServer }

func (undrained) Drain(context.Context, *pb.DrainRequest) (*pb.DrainResponse, error) {
	return &pb.DrainResponse{}, nil
}

// changing has another version each time it is asked.
type changing struct {
	pb.ProviderServiceServer
	asked atomic.Int32
}

func (c *changing) Describe(ctx context.Context, in *pb.DescribeRequest) (*pb.DescribeResponse, error) {
	out, err := c.ProviderServiceServer.Describe(ctx, in)
	if out != nil {
		out.Manifest.Version = fmt.Sprintf("1.0.%d", c.asked.Add(1))
	}
	return out, err
}

// ailing is never ready.
type ailing struct{ pb.ProviderServiceServer }

func (ailing) Health(context.Context, *pb.HealthRequest) (*pb.HealthResponse, error) {
	return &pb.HealthResponse{Message: "not today"}, nil
}

// sticky keeps the first settings of an endpoint for ever.
type sticky struct {
	pb.ProviderServiceServer
	seen sync.Map
}

func (s *sticky) OpenEndpoint(ctx context.Context, in *pb.OpenEndpointRequest) (*pb.OpenEndpointResponse, error) {
	if first, again := s.seen.LoadOrStore(in.GetEndpointId(), in); again {
		in.Credential = first.(*pb.OpenEndpointRequest).GetCredential()
	}
	return s.ProviderServiceServer.OpenEndpoint(ctx, in)
}

// hoarder never closes an endpoint.
type hoarder struct{ pb.ProviderServiceServer }

func (hoarder) CloseEndpoint(context.Context, *pb.CloseEndpointRequest) (*pb.CloseEndpointResponse, error) {
	return &pb.CloseEndpointResponse{}, nil
}

// picky refuses what its schema accepts.
type picky struct{ pb.ProviderServiceServer }

func (picky) OpenEndpoint(context.Context, *pb.OpenEndpointRequest) (*pb.OpenEndpointResponse, error) {
	return &pb.OpenEndpointResponse{Diagnostics: []*pb.Diagnostic{{Path: "base_url", Summary: "Not this one"}}}, nil
}

// obliging answers whatever it is asked to do.
type obliging struct{ pb.ProviderServiceServer }

func (o obliging) Call(ctx context.Context, in *pb.CallRequest) (*pb.CallResponse, error) {
	in.Envelope.Operation = "chat"
	in.Body = []byte(`{"messages":[{"role":"user","content":"hello"}]}`)
	return o.ProviderServiceServer.Call(ctx, in)
}

// greedy takes bodies of any size.
type greedy struct{ pb.ProviderServiceServer }

func (g greedy) Call(ctx context.Context, in *pb.CallRequest) (*pb.CallResponse, error) {
	if len(in.GetBody()) > wire.DefaultMaxRequest {
		return &pb.CallResponse{Body: []byte(`{"choices":[]}`)}, nil
	}
	return g.ProviderServiceServer.Call(ctx, in)
}

// foreign answers in a shape of its own.
type foreign struct{ pb.ProviderServiceServer }

func (f foreign) Call(ctx context.Context, in *pb.CallRequest) (*pb.CallResponse, error) {
	out, err := f.ProviderServiceServer.Call(ctx, in)
	if out != nil {
		out.Body = []byte(`{"text":"hello"}`)
	}
	return out, err
}

// streams changes the events of streams. The function is called for each event
// in place of sending it.
type streams struct {
	pb.ProviderServiceServer
	change func(e *pb.StreamResponse, send func(*pb.StreamResponse) error) error
}

func (s streams) Stream(in *pb.StreamRequest, out pb.ProviderService_StreamServer) error {
	return s.ProviderServiceServer.Stream(in, changed{out, s.change})
}

type changed struct {
	pb.ProviderService_StreamServer
	change func(e *pb.StreamResponse, send func(*pb.StreamResponse) error) error
}

func (c changed) Send(e *pb.StreamResponse) error {
	return c.change(e, c.ProviderService_StreamServer.Send)
}

// talkative has more to say once it has finished.
func talkative(e *pb.StreamResponse, send func(*pb.StreamResponse) error) error {
	if err := send(e); err != nil || e.GetFinished() == nil {
		return err
	}
	return send(&pb.StreamResponse{Event: &pb.StreamResponse_Data{Data: &pb.Data{Chunks: [][]byte{[]byte(`{"choices":[]}`)}}}})
}

// unfinished just ends.
func unfinished(e *pb.StreamResponse, send func(*pb.StreamResponse) error) error {
	if e.GetFinished() != nil {
		return nil
	}
	return send(e)
}

// headless begins with data.
func headless(e *pb.StreamResponse, send func(*pb.StreamResponse) error) error {
	if e.GetStarted() != nil {
		return nil
	}
	return send(e)
}

// framed sends its chunks as server-sent events.
func framed(e *pb.StreamResponse, send func(*pb.StreamResponse) error) error {
	if data := e.GetData(); data != nil {
		for i, chunk := range data.Chunks {
			data.Chunks[i] = sse(chunk)
		}
	}
	return send(e)
}

// caching answers all calls with its first answer.
type caching struct {
	pb.ProviderServiceServer
	mu    sync.Mutex
	first *pb.CallResponse
}

func (c *caching) Call(ctx context.Context, in *pb.CallRequest) (*pb.CallResponse, error) {
	out, err := c.ProviderServiceServer.Call(ctx, in)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.first == nil {
		c.first = out
	}
	return c.first, nil
}

// wasteful does not count what it used.
func wasteful(e *pb.StreamResponse, send func(*pb.StreamResponse) error) error {
	if finished := e.GetFinished(); finished != nil {
		finished.Usage = nil
	}
	return send(e)
}

// bare keeps of its chunks what it knows.
func bare(e *pb.StreamResponse, send func(*pb.StreamResponse) error) error {
	if data := e.GetData(); data != nil {
		for i := range data.Chunks {
			data.Chunks[i] = []byte(`{"object":"chat.completion.chunk","choices":[]}`)
		}
	}
	return send(e)
}
