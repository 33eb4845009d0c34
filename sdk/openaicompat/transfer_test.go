package openaicompat

import (
	"bytes"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// transferOf runs one transfer.
func transferOf(t *testing.T, s *service, req *provider.TransferRequest) (*transferSink, provider.Finish, error) {
	t.Helper()
	out := &transferSink{}
	finish, err := s.open(t, dialect(nil), nil).Transfer(t.Context(), req, out)
	return out, finish, err
}

const form = "--b0und\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.mp3\"\r\nContent-Type: audio/mpeg\r\n\r\nbytes\x00\xff\r\n" +
	"--b0und\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nwhisper-1\r\n--b0und--\r\n"

const formType = `multipart/form-data; boundary=b0und`

func formRequest(op, model, params string) *provider.TransferRequest {
	return &provider.TransferRequest{
		Request: provider.Request{Operation: op, Model: model, Body: []byte(params)},
		Data:    strings.NewReader(form), DataType: formType, DataLength: int64(len(form)),
	}
}

func TestSpeechTurnsJSONIntoBytes(t *testing.T) {
	t.Parallel()
	s := newService(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "audio/mpeg")
		w.Header().Set("X-Request-Id", "req_up")
		_, _ = io.WriteString(w, "mp3\x00\xff")
	})
	out, _, err := transferOf(t, s, &provider.TransferRequest{
		Request: provider.Request{Operation: provider.OpAudioSpeech, Model: "tts-1", Body: []byte(`{"model":"alias","input":"hi"}`)},
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := <-s.requests; got.body != `{"model":"tts-1","input":"hi"}` || got.Header.Get("Content-Type") != "application/json" {
		t.Errorf("sent %s as %s", got.body, got.Header.Get("Content-Type"))
	}
	head := out.heads[0]
	if out.String() != "mp3\x00\xff" || head.ContentType != "audio/mpeg" || head.Length != 5 || head.RequestID != "req_up" || head.Status != 200 {
		t.Errorf("got %q with %+v", out.String(), head)
	}
}

func TestAFormIsPassedThroughByteForByteIfItsModelIsRight(t *testing.T) {
	t.Parallel()
	for name, req := range map[string]*provider.TransferRequest{
		"the operation has no model":     formRequest(provider.OpFilesUpload, "ignored", `{}`),
		"the parameters name it already": formRequest(provider.OpAudioTranscription, "whisper-1", `{"model":"whisper-1"}`),
		"the parameters name it, alone":  formRequest(provider.OpAudioTranscription, "", `{"model":"whisper-1"}`),
	} {
		s := newService(t, answerJSON(200, `{"text":"hello","usage":{"type":"tokens","input_tokens":4,"output_tokens":1,"total_tokens":5}}`))
		out, finish, err := transferOf(t, s, req)
		if err != nil {
			t.Fatal(err)
		}
		got := <-s.requests
		if got.body != form || got.Header.Get("Content-Type") != formType || got.ContentLength != int64(len(form)) {
			t.Errorf("%s: sent %q as %s of %d", name, got.body, got.Header.Get("Content-Type"), got.ContentLength)
		}
		if finish.Usage == nil || finish.Usage.Total != 5 || !strings.Contains(out.String(), "hello") || out.heads[0].Length != int64(out.Len()) {
			t.Errorf("%s: got %q, %+v", name, out.String(), finish)
		}
	}
}

func TestAFormGetsTheModelOfTheRequest(t *testing.T) {
	t.Parallel()
	s := newService(t, answerJSON(200, `{"text":"hello"}`))
	if _, _, err := transferOf(t, s, formRequest(provider.OpAudioTranscription, "gpt-4o-transcribe", `{}`)); err != nil {
		t.Fatal(err)
	}
	got := <-s.requests
	if want := strings.Replace(form, "whisper-1", "gpt-4o-transcribe", 1); got.body != want {
		t.Errorf("got  %q\nwant %q", got.body, want)
	}
}

func TestAFormWithoutAModelGetsOne(t *testing.T) {
	t.Parallel()
	s := newService(t, answerJSON(200, `{"text":"hello"}`))
	req := formRequest(provider.OpAudioTranscription, "", "")
	bare := strings.Replace(form, "name=\"model\"", "name=\"language\"", 1)
	req.Data, req.DataLength = strings.NewReader(bare), int64(len(bare))
	if _, _, err := transferOf(t, s, req); err != nil {
		t.Fatal(err)
	}
	fields := readForm(t, <-s.requests)
	if fields["model"] != "acme-default" || fields["language"] != "whisper-1" {
		t.Errorf("got %v", fields)
	}
	// A default does not overrule what the form says.
	if _, _, err := transferOf(t, s, formRequest(provider.OpAudioTranscription, "", "")); err != nil {
		t.Fatal(err)
	}
	if fields := readForm(t, <-s.requests); fields["model"] != "whisper-1" {
		t.Errorf("got %v", fields)
	}
}

func TestPlainDataBecomesTheFileOfAForm(t *testing.T) {
	t.Parallel()
	s := newService(t, answerJSON(200, `{"text":"hello"}`))
	for _, tt := range []struct{ dataType, params, file string }{
		{"audio/mpeg", `{"language":"en","temperature":0.5,"timestamp_granularities[]":["word","segment"],"none":null}`, "upload.mp3 audio/mpeg"},
		{"audio/ogg; codecs=opus", `{"filename":"../talk.ogg"}`, "talk.ogg audio/ogg; codecs=opus"},
		{"", `{}`, "upload application/octet-stream"},
	} {
		_, _, err := transferOf(t, s, &provider.TransferRequest{
			Request: provider.Request{Operation: provider.OpAudioTranscription, Model: "whisper-1", Body: []byte(tt.params)},
			Data:    strings.NewReader("sound"), DataType: tt.dataType, DataLength: 5,
		})
		if err != nil {
			t.Fatal(err)
		}
		fields := readForm(t, <-s.requests)
		if fields["file"] != "sound" || fields["file name and type"] != tt.file || fields["model"] != "whisper-1" || fields["filename"] != "" {
			t.Errorf("%s: got %v", tt.dataType, fields)
		}
		if strings.Contains(tt.params, "language") && (fields["language"] != "en" || fields["temperature"] != "0.5" || fields["timestamp_granularities[]"] != "word,segment") {
			t.Errorf("got %v", fields)
		}
	}
}

// readForm returns the form that the service received.
func readForm(t *testing.T, r seen) map[string]string {
	t.Helper()
	_, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	fields := map[string]string{}
	in := multipart.NewReader(strings.NewReader(r.body), params["boundary"])
	for {
		part, err := in.NextPart()
		if err == io.EOF {
			return fields
		}
		if err != nil {
			t.Fatal(err)
		}
		value, err := io.ReadAll(part)
		if err != nil {
			t.Fatal(err)
		}
		name := part.FormName()
		if part.FileName() != "" {
			fields[name+" name and type"] = part.FileName() + " " + part.Header.Get("Content-Type")
		}
		if old, ok := fields[name]; ok {
			fields[name] = old + "," + string(value)
		} else {
			fields[name] = string(value)
		}
	}
}

func TestUploadsThatCannotBeAreTheCallersFault(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		op, model, dataType, data, words string
	}{
		"no upload is taken":  {provider.OpAudioSpeech, "", "audio/mpeg", "x", "takes no upload"},
		"no boundary":         {provider.OpAudioTranscription, "m", "multipart/form-data", form, "names no boundary"},
		"a broken type":       {provider.OpAudioTranscription, "m", "multipart/", form, "cannot be read"},
		"a form that is none": {provider.OpAudioTranscription, "m", formType, "no form", "the form is broken"},
		"a form that is cut":  {provider.OpAudioTranscription, "m", formType, form[:100], "the form is broken"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newService(t, answerJSON(200, `{"text":"hello"}`))
			_, _, err := transferOf(t, s, &provider.TransferRequest{
				Request: provider.Request{Operation: tt.op, Model: tt.model}, Data: strings.NewReader(tt.data), DataType: tt.dataType, DataLength: int64(len(tt.data)),
			})
			if e := wantError(t, err, provider.CodeInvalidRequest); e.Source != provider.SourceCaller || !strings.Contains(e.Message, tt.words) {
				t.Errorf("got %+v, want words %q", e, tt.words)
			}
		})
	}
}

func TestFailedTransfersAreTyped(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		reply http.HandlerFunc
		code  provider.Code
	}{
		"a status":          {answerJSON(429, `{"error":{"message":"m"}}`), provider.CodeRateLimit},
		"an error with 200": {answerJSON(200, `{"error":{"message":"m","code":400}}`), provider.CodeInvalidRequest},
		"JSON that is none": {answerJSON(200, `<html>`), provider.CodeProtocol},
		"less than was announced": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "audio/mpeg")
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, "short")
		}, provider.CodeProtocol},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, _, err := transferOf(t, newService(t, tt.reply), &provider.TransferRequest{
				Request: provider.Request{Operation: provider.OpAudioSpeech, Body: []byte(`{"input":"x"}`)},
			})
			wantError(t, err, tt.code)
		})
	}
}

func TestAFilesContentIsNotLookedInto(t *testing.T) {
	t.Parallel()
	const content = `{"error":"this is what the file says"`
	s := newService(t, answerJSON(200, content))
	out, _, err := transferOf(t, s, &provider.TransferRequest{
		Request: provider.Request{Operation: provider.OpFilesContent, Body: []byte(`{"file_id":"f"}`)},
	})
	if err != nil || out.String() != content || (<-s.requests).URL.Path != "/v1/files/f/content" {
		t.Errorf("got %q, %v", out.String(), err)
	}
}

func TestAnAnswerBeforeTheEndOfTheUploadEndsTheTransfer(t *testing.T) {
	t.Parallel()
	for _, model := range []string{"", "another"} {
		in, feed := io.Pipe()
		s := &service{requests: make(chan seen, 1)}
		early := newServiceThatDoesNotRead(t, s)
		defer early()
		go func() { _, _ = feed.Write([]byte(form[:60])) }()
		req := formRequest(provider.OpFilesUpload, "", `{}`)
		if model != "" {
			req = formRequest(provider.OpAudioTranscription, model, `{}`)
		}
		req.Data, req.DataLength = in, -1
		failed := make(chan error, 1)
		go func() {
			_, err := s.open(t, dialect(nil), nil).Transfer(t.Context(), req, &transferSink{})
			failed <- err
		}()
		select {
		case err := <-failed:
			wantError(t, err, provider.CodeTooLarge)
		case <-time.After(10 * time.Second):
			t.Error("the transfer waits for an upload that nobody wants any more")
		}
		// What the caller still sends is not taken.
		_ = feed.CloseWithError(io.ErrUnexpectedEOF)
	}
}

func TestLargeAnswersFlowInPieces(t *testing.T) {
	t.Parallel()
	large := bytes.Repeat([]byte("0123456789abcdef"), 64<<10) // 1 MiB
	s := newService(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/octet-stream")
		_, _ = w.Write(large)
	})
	out, _, err := transferOf(t, s, &provider.TransferRequest{
		Request: provider.Request{Operation: provider.OpFilesContent, Body: []byte(`{"file_id":"f"}`)},
	})
	if err != nil || !bytes.Equal(out.Bytes(), large) {
		t.Errorf("got %d bytes, %v", out.Len(), err)
	}
}
