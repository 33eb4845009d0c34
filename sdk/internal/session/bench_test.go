package session_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"sync"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	pb "github.com/backplane-dev/backplane/sdk/internal/providerpb"
	"github.com/backplane-dev/backplane/sdk/internal/session"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// encrypted are the two ends of a connection with mutual TLS, as between host
// and plugin.
func encrypted(b *testing.B) (server, client credentials.TransportCredentials) {
	b.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		b.Fatal(err)
	}
	own, err := x509.ParseCertificate(der)
	if err != nil {
		b.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(own)
	pair := []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}
	return credentials.NewTLS(&tls.Config{Certificates: pair, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool}),
		credentials.NewTLS(&tls.Config{Certificates: pair, RootCAs: pool, ServerName: "localhost"})
}

// plain answers the plain RPCs by the same handler, with the conversions that
// they need.
type plain struct {
	service
}

func (p *plain) Call(ctx context.Context, in *pb.CallRequest) (*pb.CallResponse, error) {
	res, err := p.handler.Call(ctx, chat(in.GetBody()))
	if err != nil {
		return nil, err
	}
	return &pb.CallResponse{Meta: &pb.Meta{Model: res.Model, Status: int32(res.Status)}, Body: res.Body}, nil
}

func (p *plain) Stream(in *pb.StreamRequest, out grpc.ServerStreamingServer[pb.StreamResponse]) error {
	return p.handler.Stream(out.Context(), chat(in.GetBody()), func(e provider.Event) error {
		return out.Send(&pb.StreamResponse{Event: &pb.StreamResponse_Data{Data: &pb.Data{Chunks: e.Chunks}}})
	})
}

func envelope() *pb.Envelope {
	r := chat(nil)
	return &pb.Envelope{EndpointId: r.Endpoint, EndpointRevision: r.Revision, Operation: r.Operation, Model: r.Model,
		RequestId: r.RequestID, Attempt: 1}
}

// answering gives every call the same answer.
func answering(body []byte) handler {
	return handler{call: func(context.Context, *provider.Request) (*provider.Response, error) {
		return &provider.Response{Meta: provider.Meta{Model: "gpt-4o-mini", Status: 200}, Body: body}, nil
	}}
}

// measure runs f and reports the CPU time of the process, both ends of the
// connection, beside what the benchmark reports.
func measure(b *testing.B, units int, f func()) {
	b.ReportAllocs()
	b.ResetTimer()
	before := cpu(b)
	f()
	b.ReportMetric(float64((cpu(b)-before).Nanoseconds())/float64(b.N*units), "cpu-ns/unit")
}

func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func BenchmarkCall(b *testing.B) {
	body := bytes.Repeat([]byte("x"), 800)
	server, client := encrypted(b)
	rpc := serveOver(b, &plain{service{handler: answering(body), maxRequest: limit}}, server, client)
	c := begin(b, rpc)
	paths := map[string]func() error{
		"plain": func() error {
			_, err := rpc.Call(context.Background(), &pb.CallRequest{Envelope: envelope(), Body: body[:200]})
			return err
		},
		"session": func() error {
			_, err := c.Call(context.Background(), chat(body[:200]))
			return err
		},
	}
	for _, callers := range []int{1, 64} {
		for _, path := range []string{"plain", "session"} {
			b.Run(fmt.Sprintf("%s/c=%d", path, callers), func(b *testing.B) {
				measure(b, 1, func() { together(b, callers, paths[path]) })
			})
		}
	}
}

// together makes b.N calls from callers goroutines.
func together(b *testing.B, callers int, call func() error) {
	var wg sync.WaitGroup
	work := make(chan struct{}, 1024)
	for range callers {
		wg.Go(func() {
			for range work {
				if err := call(); err != nil {
					b.Error(err)
				}
			}
		})
	}
	for range b.N {
		work <- struct{}{}
	}
	close(work)
	wg.Wait()
}

// chunks is the length of a benchmark's streams.
const chunks = 200

func chunking() handler {
	chunk := bytes.Repeat([]byte("x"), 180)
	return handler{stream: func(_ context.Context, _ *provider.Request, send func(provider.Event) error) error {
		if err := send(provider.Event{Kind: provider.EventStarted}); err != nil {
			return err
		}
		for range chunks {
			if err := send(provider.Event{Kind: provider.EventData, Chunks: [][]byte{chunk}}); err != nil {
				return err
			}
		}
		return send(provider.Event{Kind: provider.EventFinished})
	}}
}

// BenchmarkStream reports the cost of one chunk.
func BenchmarkStream(b *testing.B) {
	server, client := encrypted(b)
	rpc := serveOver(b, &plain{service{handler: chunking(), maxRequest: limit}}, server, client)
	c := begin(b, rpc)
	paths := map[string]func() error{
		"plain":   func() error { return readPlain(rpc) },
		"session": func() error { return readSession(c) },
	}
	for _, streams := range []int{1, 50, 500} {
		for _, path := range []string{"plain", "session"} {
			b.Run(fmt.Sprintf("%s/c=%d", path, streams), func(b *testing.B) {
				measure(b, chunks, func() { together(b, streams, paths[path]) })
			})
		}
	}
}

func readPlain(rpc pb.ProviderServiceClient) error {
	stream, err := rpc.Stream(context.Background(), &pb.StreamRequest{Envelope: envelope(), Body: []byte("{}")})
	for err == nil {
		_, err = stream.Recv()
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func readSession(c *session.Client) error {
	stream, err := c.Stream(context.Background(), chat([]byte("{}")))
	if err != nil {
		return err
	}
	defer stream.Close()
	for err == nil {
		_, err = stream.Next()
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
