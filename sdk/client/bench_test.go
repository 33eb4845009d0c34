package client_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/backplane-dev/backplane/sdk/client"
	"github.com/backplane-dev/backplane/sdk/internal/wire"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// overSocket serves ep over a unix socket, as plugins are, but in this process.
func overSocket(b *testing.B, ep provider.Endpoint) *client.Conn {
	b.Helper()
	path := filepath.Join(b.TempDir(), "s")
	listener, err := net.Listen("unix", path)
	if err != nil {
		b.Fatal(err)
	}
	server := grpc.NewServer(wire.ServerOptions(provider.Manifest{})...)
	wire.Register(server, serving(ep), wire.WithLogger(slog.New(slog.DiscardHandler)))
	go func() { _ = server.Serve(listener) }()
	cc, err := grpc.NewClient("unix:"+path, append(client.DialOptions(), grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = cc.Close()
		server.Stop()
	})
	var opts []client.Option
	if plain {
		opts = append(opts, client.WithoutSession())
	}
	conn := client.New(cc, opts...)
	if _, err := conn.Describe(b.Context()); err != nil {
		b.Fatal(err)
	}
	open(b, conn, provider.EndpointConfig{ID: "e", Revision: 1})
	return conn
}

func BenchmarkCall(b *testing.B) {
	for _, size := range []int{1 << 10, 200 << 10} {
		answer := bytes.Repeat([]byte("x"), size)
		conn := overSocket(b, caller(func(context.Context, *provider.Request) (*provider.Response, error) {
			return &provider.Response{Body: answer}, nil
		}))
		req := chatRequest()
		req.Body, req.Timeout, req.ConnectTimeout = answer, time.Minute, 5*time.Second
		b.Run(fmt.Sprintf("%dKiB", size>>10), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(2 * size))
			for b.Loop() {
				if _, err := conn.Call(b.Context(), req); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("%dKiB-parallel", size>>10), func(b *testing.B) {
			b.ReportAllocs()
			b.SetParallelism(32)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if _, err := conn.Call(context.Background(), req); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}

// BenchmarkStream reports the cost of one chunk in streams of 200.
func BenchmarkStream(b *testing.B) {
	const chunks = 200
	chunk := bytes.Repeat([]byte("x"), 180)
	conn := overSocket(b, streamer(func(_ context.Context, _ *provider.Request, out provider.Sink) (provider.Finish, error) {
		for range chunks {
			if err := out.Send(chunk); err != nil {
				return provider.Finish{}, err
			}
		}
		return provider.Finish{}, nil
	}))
	req := chatRequest()
	b.ReportAllocs()
	for b.Loop() {
		stream, err := conn.Stream(b.Context(), req)
		if err != nil {
			b.Fatal(err)
		}
		for err == nil {
			_, err = stream.Next()
		}
		if !errors.Is(err, io.EOF) {
			b.Fatal(err)
		}
		stream.Close()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*chunks), "ns/chunk")
}
