package api_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/host/internal/api"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// formOf makes a multipart form of pairs of names and values; "file" becomes an
// uploaded file.
func formOf(t *testing.T, pairs ...string) (contentType, body string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for i := 0; i+1 < len(pairs); i += 2 {
		var part io.Writer
		var err error
		if pairs[i] == "file" {
			part, err = w.CreateFormFile("file", "model.wav")
		} else {
			part, err = w.CreateFormField(pairs[i])
		}
		if err == nil {
			_, err = io.WriteString(part, pairs[i+1])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return w.FormDataContentType(), b.String()
}

func TestAFormIsPassedOnByteForByteWithItsModelPeeked(t *testing.T) {
	t.Parallel()
	for path, operation := range map[string]string{
		"/v1/audio/transcriptions": provider.OpAudioTranscription, "/v1/audio/translations": provider.OpAudioTranslation,
	} {
		core, rec := answering("hello there")
		contentType, body := formOf(t, "file", "RIFF\x00\xff--not a boundary\r\n", "model", "whisper-1", "stream", "true")
		w := post(api.New(core, api.Options{}), path, body, "Content-Type", contentType)
		if w.Code != 200 || w.Body.String() != "hello there" || w.Header().Get("Content-Type") != "audio/mpeg" || w.Header().Get("Content-Length") != "11" {
			t.Errorf("%s: got %d %v %q", path, w.Code, w.Header(), w.Body)
		}
		req, params := rec.request()
		if req.Operation != operation || req.Model != "whisper-1" || params != `{"model":"whisper-1"}` {
			t.Errorf("%s: the core got %+v with %q", path, req, params)
		}
		if rec.data != body || rec.kind != contentType || rec.size != int64(len(body)) {
			t.Errorf("%s: the upload is %d bytes of %q", path, len(rec.data), rec.kind)
		}
	}
}

func TestTheModelOfAFormIsChecked(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		pairs  []string
		header []string
		code   int
		param  string
		model  string
	}{
		{"missing", []string{"file", "x"}, nil, 400, `"param":"model"`, ""},
		{"missing but an endpoint is chosen", []string{"file", "x"}, []string{"X-Backplane-Endpoint", "fast"}, 200, "", ""},
		{"last one wins", []string{"model", "a", "file", "x", "model", "b"}, nil, 200, "", "b"},
		{"too long", []string{"model", strings.Repeat("x", 1025)}, nil, 400, `"param":"model"`, ""},
		{"not UTF-8", []string{"model", "a\xff"}, nil, 200, "", "a\uFFFD"},
	}
	for _, tt := range tests {
		core, rec := answering("ok")
		contentType, body := formOf(t, tt.pairs...)
		w := post(api.New(core, api.Options{}), "/v1/audio/transcriptions", body, append(tt.header, "Content-Type", contentType)...)
		if w.Code != tt.code || !strings.Contains(w.Body.String(), tt.param) {
			t.Errorf("%s: got %d %s", tt.name, w.Code, w.Body)
		}
		if req, _ := rec.request(); tt.code == 200 && req.Model != tt.model {
			t.Errorf("%s: model %q, want %q", tt.name, req.Model, tt.model)
		}
	}
}

func TestSpeechIsJSONInAndBytesOut(t *testing.T) {
	t.Parallel()
	core, rec := answering("ID3\x00\xff")
	const sent = `{"model":"tts-1","input":"hi","voice":"alloy","stream_format":"audio"}`
	w := post(api.New(core, api.Options{}), "/v1/audio/speech", sent)
	if w.Code != 200 || w.Body.String() != "ID3\x00\xff" || w.Header().Get("Content-Type") != "audio/mpeg" {
		t.Errorf("got %d %v %q", w.Code, w.Header(), w.Body)
	}
	if req, params := rec.request(); req.Operation != provider.OpAudioSpeech || req.Model != "tts-1" || params != sent || rec.data != "" {
		t.Errorf("the core got %+v with %q and %q", req, params, rec.data)
	}
}

// slowBody is a fake answer that comes in pieces and then ends with err.
type slowBody struct {
	pieces chan string
	err    error
	closed chan struct{}
}

func (b *slowBody) Read(p []byte) (int, error) {
	piece, ok := <-b.pieces
	if !ok {
		return 0, b.err
	}
	return copy(p, piece), nil
}

func (b *slowBody) Close() error {
	close(b.closed)
	return nil
}

func transferring(head provider.TransferHead, body io.ReadCloser) *fakeCore {
	return &fakeCore{transfer: func(context.Context, *provider.TransferRequest) (*provider.TransferResponse, error) {
		return &provider.TransferResponse{TransferHead: head, Body: body}, nil
	}}
}

func TestBytesOfUnknownLengthAreNotHeldBack(t *testing.T) {
	t.Parallel()
	body := &slowBody{pieces: make(chan string), err: io.EOF, closed: make(chan struct{})}
	server := serve(t, transferring(provider.TransferHead{Length: -1}, body), api.Options{})
	go func() { body.pieces <- "first" }()
	resp := request(t, server, "/v1/audio/speech", hello)
	if ct := resp.Header.Get("Content-Type"); ct != "application/octet-stream" {
		t.Errorf("content type %q", ct)
	}
	got := make([]byte, 5)
	if _, err := io.ReadFull(resp.Body, got); err != nil || string(got) != "first" {
		t.Fatalf("got %q, %v", got, err)
	}
	body.pieces <- "second"
	close(body.pieces)
	if rest, err := io.ReadAll(resp.Body); err != nil || string(rest) != "second" {
		t.Errorf("got %q, %v", rest, err)
	}
	within(t, patience, "closing the answer", body.closed)
}

func TestBytesThatBreakOffAreNotTakenForWhole(t *testing.T) {
	t.Parallel()
	for name, length := range map[string]int64{"unknown length": -1, "known length": 100} {
		body := &slowBody{pieces: make(chan string, 1), err: errors.New("cut"), closed: make(chan struct{})}
		body.pieces <- "part"
		close(body.pieces)
		server := serve(t, transferring(provider.TransferHead{Length: length}, body), api.Options{})
		resp := request(t, server, "/v1/audio/speech", hello)
		if got, err := io.ReadAll(resp.Body); err == nil {
			t.Errorf("%s: %q looks complete", name, got)
		}
		within(t, patience, "closing the answer", body.closed)
	}
}

func TestAFailureBeforeTheFirstByteHasAStatus(t *testing.T) {
	t.Parallel()
	body := &slowBody{pieces: make(chan string), err: &provider.Error{Code: provider.CodeUpstream, Message: "m"}, closed: make(chan struct{})}
	close(body.pieces)
	w := post(api.New(transferring(provider.TransferHead{Length: -1}, body), api.Options{}), "/v1/audio/speech", hello)
	if w.Code != 502 || !strings.Contains(w.Body.String(), `"code":"upstream"`) {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
}

func TestAnEmptyAnswerOfBytesIsAnAnswer(t *testing.T) {
	t.Parallel()
	head := provider.TransferHead{ContentType: "text/plain", Length: 0}
	w := post(api.New(transferring(head, io.NopCloser(strings.NewReader(""))), api.Options{}), "/v1/audio/speech", hello)
	if w.Code != 200 || w.Body.Len() != 0 || w.Header().Get("Content-Length") != "0" {
		t.Errorf("got %d %v %q", w.Code, w.Header(), w.Body)
	}
}

func TestACallerThatLeavesWithinATransferEndsIt(t *testing.T) {
	t.Parallel()
	ctxDone := make(chan struct{})
	body := &slowBody{pieces: make(chan string, 1), err: context.Canceled, closed: make(chan struct{})}
	core := &fakeCore{transfer: func(ctx context.Context, _ *provider.TransferRequest) (*provider.TransferResponse, error) {
		body.pieces <- "part"
		context.AfterFunc(ctx, func() {
			close(ctxDone)
			close(body.pieces) // as the real one does
		})
		return &provider.TransferResponse{TransferHead: provider.TransferHead{Length: -1}, Body: body}, nil
	}}
	server := serve(t, core, api.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, "POST", server.URL+"/v1/audio/speech", strings.NewReader(hello))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	cancel()
	within(t, patience, "the end of the context", ctxDone)
	within(t, patience, "closing the answer", body.closed)
}

func TestASlowCallerOfBytesLosesTheTransfer(t *testing.T) {
	t.Parallel()
	endless := struct {
		io.Reader
		io.Closer
	}{zeros{}, closeFunc(make(chan struct{}))}
	c := dial(t, serve(t, transferring(provider.TransferHead{Length: -1}, endless), api.Options{WriteTimeout: 200 * time.Millisecond}))
	c.send("POST /v1/audio/speech HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", len(hello), hello)
	within(t, 10*time.Second, "closing the answer", endless.Closer.(closeFunc))
}

// zeros is a fake answer without end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

// closeFunc is a closer that tells.
type closeFunc chan struct{}

func (c closeFunc) Close() error {
	close(c)
	return nil
}
