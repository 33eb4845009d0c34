package client_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"google.golang.org/grpc"

	"github.com/backplane-dev/backplane/sdk/client"
	pb "github.com/backplane-dev/backplane/sdk/internal/providerpb"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// echoTransfer sends the upload back.
func echoTransfer(_ context.Context, req *provider.TransferRequest, out provider.TransferSink) (provider.Finish, error) {
	head := provider.TransferHead{ContentType: req.DataType, Length: req.DataLength}
	if err := out.Start(head); err != nil {
		return provider.Finish{}, err
	}
	_, err := io.Copy(out, req.Data)
	return provider.Finish{Reason: "done"}, err
}

func uploadOf(data io.Reader, length int64) *provider.TransferRequest {
	return &provider.TransferRequest{Request: *chatRequest(), Data: data, DataType: "x/y", DataLength: length}
}

func TestATransferMovesBytesBothWays(t *testing.T) {
	t.Parallel()
	conn := opened(t, transferer(echoTransfer))
	data := make([]byte, 5<<20+17)
	random := rand.NewChaCha8([32]byte{1})
	_, _ = random.Read(data)
	for name, upload := range map[string]*provider.TransferRequest{
		"whole":          uploadOf(bytes.NewReader(data), int64(len(data))),
		"unknown length": uploadOf(bytes.NewReader(data), -1),
		"small pieces":   uploadOf(iotest.HalfReader(bytes.NewReader(data)), int64(len(data))),
		"empty":          uploadOf(strings.NewReader(""), 0),
	} {
		want := data
		if upload.DataLength == 0 {
			want = nil
		}
		res, err := conn.Transfer(t.Context(), upload)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if res.ContentType != "x/y" || res.Length != upload.DataLength || res.Finish != nil {
			t.Errorf("%s: got head %+v", name, res.TransferHead)
		}
		got, err := io.ReadAll(res.Body)
		if err != nil || sha256.Sum256(got) != sha256.Sum256(want) {
			t.Errorf("%s: got %d bytes, %v", name, len(got), err)
		}
		if res.Finish == nil || res.Finish.Reason != "done" {
			t.Errorf("%s: got finish %+v", name, res.Finish)
		}
		_ = res.Body.Close()
	}
}

func TestAnUploadIsHeldBackByAPluginThatDoesNotRead(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	conn := opened(t, transferer(func(_ context.Context, req *provider.TransferRequest, out provider.TransferSink) (provider.Finish, error) {
		if err := out.Start(provider.TransferHead{}); err != nil {
			return provider.Finish{}, err
		}
		<-release
		_, err := io.Copy(io.Discard, req.Data)
		return provider.Finish{}, err
	}))
	counted := &counter{rest: 64 << 20}
	res, err := conn.Transfer(t.Context(), uploadOf(counted, -1))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	for last := int64(-1); last != counted.read.Load(); time.Sleep(100 * time.Millisecond) {
		last = counted.read.Load()
	}
	if got := counted.read.Load(); got > 4<<20 {
		t.Errorf("%d bytes were taken from the caller for a plugin that has read nothing", got)
	}
	close(release)
	if _, err := io.ReadAll(res.Body); err != nil {
		t.Fatal(err)
	}
	if got := counted.read.Load(); got != 64<<20 {
		t.Errorf("got %d bytes in all", got)
	}
}

// counter is an endless-looking upload that counts what is taken from it.
type counter struct {
	rest int64
	read atomic.Int64
}

func (c *counter) Read(p []byte) (int, error) {
	left := c.rest - c.read.Load()
	if left == 0 {
		return 0, io.EOF
	}
	n := min(int64(len(p)), left)
	c.read.Add(n)
	return int(n), nil
}

func TestAnUploadStopsWhenThePluginAnswersOrFailsWithoutIt(t *testing.T) {
	t.Parallel()
	fail := false
	conn := opened(t, transferer(func(_ context.Context, _ *provider.TransferRequest, out provider.TransferSink) (provider.Finish, error) {
		if fail {
			return provider.Finish{}, provider.Errorf(provider.CodeTooLarge, "not today")
		}
		return provider.Finish{}, out.Start(provider.TransferHead{})
	}))
	stopped := func(c *counter) {
		t.Helper()
		for last := int64(-1); last != c.read.Load(); time.Sleep(50 * time.Millisecond) {
			last = c.read.Load()
		}
		if c.read.Load() == c.rest {
			t.Error("the whole upload was read")
		}
	}
	early := &counter{rest: 1 << 40}
	res, err := conn.Transfer(t.Context(), uploadOf(early, -1))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(res.Body); err != nil {
		t.Fatal(err)
	}
	stopped(early)
	fail = true
	failed := &counter{rest: 1 << 40}
	_, err = conn.Transfer(t.Context(), uploadOf(failed, -1))
	wantError(t, err, provider.CodeTooLarge, provider.SourcePlugin)
	stopped(failed)
}

func TestABrokenUploadNeverLooksWhole(t *testing.T) {
	t.Parallel()
	var whole atomic.Int64
	conn := opened(t, transferer(func(_ context.Context, req *provider.TransferRequest, _ provider.TransferSink) (provider.Finish, error) {
		_, err := io.Copy(io.Discard, req.Data)
		if err == nil {
			whole.Add(1)
		}
		return provider.Finish{}, err
	}))
	typed := provider.Errorf(provider.CodeTooLarge, "over the host's limit")
	for name, test := range map[string]struct {
		upload *provider.TransferRequest
		code   provider.Code
		words  string
	}{
		"reader fails":        {uploadOf(io.MultiReader(strings.NewReader("half"), iotest.ErrReader(errors.New("reset"))), -1), provider.CodeCanceled, "reset"},
		"cut off":             {uploadOf(io.MultiReader(strings.NewReader("half"), iotest.ErrReader(io.ErrUnexpectedEOF)), -1), provider.CodeCanceled, "unexpected EOF"},
		"shorter than stated": {uploadOf(strings.NewReader("half"), 8), provider.CodeCanceled, "4 of 8 bytes"},
		"longer than stated":  {uploadOf(strings.NewReader("more than said"), 4), "", ""},
		"typed error":         {uploadOf(iotest.ErrReader(typed), -1), provider.CodeTooLarge, "over the host's limit"},
	} {
		_, err := conn.Transfer(t.Context(), test.upload)
		var e *provider.Error
		if !errors.As(err, &e) || test.code != "" && e.Code != test.code || !strings.Contains(e.Message, test.words) {
			t.Errorf("%s: got %v", name, err)
		}
		idle(t, conn)
		if whole.Swap(0) != 0 {
			t.Errorf("%s: the provider took it for a whole upload", name)
		}
	}
}

// idle waits until the plugin works on nothing. A call that was cancelled at
// once may never have reached it.
func idle(t *testing.T, conn *client.Conn) {
	t.Helper()
	for {
		health, err := conn.Health(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if health.InFlight == 0 {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

func TestACutOffAnswerIsAnErrorOfItsBody(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		answer transferer
		code   provider.Code
	}{
		"shorter than announced": {func(_ context.Context, _ *provider.TransferRequest, out provider.TransferSink) (provider.Finish, error) {
			_ = out.Start(provider.TransferHead{Length: 10})
			_, err := out.Write([]byte("half"))
			return provider.Finish{}, err
		}, provider.CodeProtocol},
		"longer than announced": {func(_ context.Context, _ *provider.TransferRequest, out provider.TransferSink) (provider.Finish, error) {
			_ = out.Start(provider.TransferHead{}) // forgot Length
			_, err := out.Write([]byte("half"))
			return provider.Finish{}, err
		}, provider.CodeInternal},
		"fails midway": {func(_ context.Context, _ *provider.TransferRequest, out provider.TransferSink) (provider.Finish, error) {
			_ = out.Start(provider.TransferHead{Length: -1})
			_, _ = out.Write([]byte("half"))
			return provider.Finish{}, provider.Errorf(provider.CodeUpstream, "gone")
		}, provider.CodeUpstream},
	} {
		conn := opened(t, test.answer)
		res, err := conn.Transfer(t.Context(), &provider.TransferRequest{Request: *chatRequest()})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		_, err = io.ReadAll(res.Body)
		wantError(t, err, test.code, provider.SourcePlugin)
		if res.Finish != nil {
			t.Errorf("%s: it counts as finished", name)
		}
	}
}

func TestATransferMustStartItsAnswerOnceAndFirst(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]transferer{
		"never": func(context.Context, *provider.TransferRequest, provider.TransferSink) (provider.Finish, error) {
			return provider.Finish{}, nil
		},
		"write first": func(_ context.Context, _ *provider.TransferRequest, out provider.TransferSink) (provider.Finish, error) {
			_, err := out.Write([]byte("x"))
			return provider.Finish{}, err
		},
	} {
		conn := opened(t, answer)
		_, err := conn.Transfer(t.Context(), &provider.TransferRequest{Request: *chatRequest()})
		if e := wantError(t, err, provider.CodeInternal, provider.SourcePlugin); !strings.Contains(e.Message, "tart") {
			t.Errorf("%s: got %q", name, e.Message)
		}
	}
	var second error
	conn := opened(t, transferer(func(_ context.Context, _ *provider.TransferRequest, out provider.TransferSink) (provider.Finish, error) {
		_ = out.Start(provider.TransferHead{})
		second = out.Start(provider.TransferHead{})
		return provider.Finish{}, nil
	}))
	res, err := conn.Transfer(t.Context(), &provider.TransferRequest{Request: *chatRequest()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(res.Body); err != nil || second == nil {
		t.Errorf("got %v, and %v for the second start", err, second)
	}
}

// frames is a plugin that answers a transfer with given frames.
type frames struct {
	pb.UnimplementedProviderServiceServer
	frames []*pb.TransferResponse
}

func (f frames) Transfer(stream pb.ProviderService_TransferServer) error {
	for _, frame := range f.frames {
		if err := stream.Send(frame); err != nil {
			return err
		}
	}
	return nil
}

func TestTheOrderOfFramesIsEnforced(t *testing.T) {
	t.Parallel()
	head := &pb.TransferResponse{Frame: &pb.TransferResponse_Head{Head: &pb.TransferResponseHead{}}}
	data := &pb.TransferResponse{Frame: &pb.TransferResponse_Data{Data: []byte("x")}}
	finished := &pb.TransferResponse{Frame: &pb.TransferResponse_Finished{Finished: &pb.Finished{}}}
	for name, test := range map[string]struct {
		frames []*pb.TransferResponse
		want   string
	}{
		"nothing":     {nil, "ended without an answer"},
		"data first":  {[]*pb.TransferResponse{data, head, finished}, "must begin with its head"},
		"two heads":   {[]*pb.TransferResponse{head, head, finished}, "a second head"},
		"no finished": {[]*pb.TransferResponse{head, data}, "without a finished frame"},
	} {
		conn := dialService(t, func(s *grpc.Server) { pb.RegisterProviderServiceServer(s, frames{frames: test.frames}) })
		res, err := conn.Transfer(t.Context(), &provider.TransferRequest{Request: *chatRequest()})
		if err == nil {
			_, err = io.ReadAll(res.Body)
		}
		if e := wantError(t, err, provider.CodeProtocol, provider.SourcePlugin); !strings.Contains(e.Message, test.want) {
			t.Errorf("%s: got %q", name, e.Message)
		}
	}
}
