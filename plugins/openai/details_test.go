package main

import (
	"bytes"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/providertest"
)

func TestConformanceOfTheBinary(t *testing.T) {
	providertest.RunBinary(t, ".", providertest.Profile{})
}

func TestVectorsComeInTheFormThatWasAskedFor(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`{"model":"text-embedding-3-small","input":"a","encoding_format":"base64","dimensions":2}`,
		`{"model":"text-embedding-3-small","input":["a","b"]}`,
		`{"model":"text-embedding-3-small","input":[[1,2],[3]]}`,
	} {
		p := newPlatform(t)
		if _, err := open(t, p.url, nil).Call(t.Context(), request(provider.OpEmbeddings, body)); err != nil {
			t.Fatal(err)
		}
		if sent := <-p.requests; string(sent.body) != body {
			t.Errorf("sent %s, want %s", sent.body, body)
		}
	}
	// The answer is the platform's, byte for byte.
	const answer = `{"object":"list","data":[{"object":"embedding","index":0,"embedding":"AAAAPwAAgL4="}],"model":"m","usage":{"prompt_tokens":1,"total_tokens":1}}`
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, answer) // a failure is seen by the reader
	})
	got, err := open(t, url, nil).Call(t.Context(), request(provider.OpEmbeddings, `{"input":"a","encoding_format":"base64"}`))
	if err != nil || string(got.Body) != answer || got.Usage.Input != 1 {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestOlderFieldsPassAsTheyAre(t *testing.T) {
	t.Parallel()
	p := newPlatform(t)
	body := `{"model":"gpt-4o-mini",` + conversation + `,"functions":[{"name":"f","parameters":{"type":"object"}}],"function_call":"auto","max_tokens":5}`
	if _, err := open(t, p.url, nil).Call(t.Context(), request(provider.OpChat, body)); err != nil {
		t.Fatal(err)
	}
	if sent := <-p.requests; string(sent.body) != body {
		t.Errorf("sent %s", sent.body)
	}
}

func TestSpeechComesInEveryFormat(t *testing.T) {
	t.Parallel()
	for format, kind := range map[string]string{
		"mp3": "audio/mpeg", "opus": "audio/ogg", "aac": "audio/aac", "flac": "audio/flac", "wav": "audio/wav", "pcm": "audio/pcm",
	} {
		url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			_, _ = w.Write(speech) // a failure is seen by the reader
		})
		conn := open(t, url, nil)
		req := &provider.TransferRequest{Request: *request(provider.OpAudioSpeech, `{"input":"Hello","voice":"nova","response_format":"`+format+`","speed":0.25}`)}
		resp, err := conn.Transfer(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close() // it was read
		if err != nil || !bytes.Equal(got, speech) || resp.ContentType != kind {
			t.Errorf("%s: got %q as %s, %v", format, got, resp.ContentType, err)
		}
	}
}

// transcriptions are what the platform answers in each format.
var transcriptions = map[string]string{
	"json":         `{"text":"Hello."}`,
	"verbose_json": `{"task":"transcribe","language":"english","duration":1.5,"text":"Hello.","words":[{"word":"Hello","start":0,"end":0.5}],"segments":[]}`,
	"text":         "Hello.\n",
	"srt":          "1\n00:00:00,000 --> 00:00:01,500\nHello.\n\n",
	"vtt":          "WEBVTT\n\n00:00.000 --> 00:01.500\nHello.\n\n",
}

func TestTranscriptionsComeInEveryFormat(t *testing.T) {
	t.Parallel()
	for format, answer := range transcriptions {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			var form string
			url := serveForm(t, &form, func(w http.ResponseWriter) {
				w.Header().Set("Content-Type", "text/plain; charset=utf-8")
				if strings.HasSuffix(format, "json") {
					w.Header().Set("Content-Type", "application/json")
				}
				_, _ = io.WriteString(w, answer) // a failure is seen by the reader
			})
			req := &provider.TransferRequest{
				Request: *request(provider.OpAudioTranscription, `{"filename":"a.ogg","response_format":"`+format+`","timestamp_granularities[]":"word","language":"en"}`),
				Data:    strings.NewReader("sound"), DataType: "audio/ogg", DataLength: 5,
			}
			resp, err := open(t, url, nil).Transfer(t.Context(), req)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(resp.Body)
			_ = resp.Body.Close() // it was read
			if err != nil || string(got) != answer {
				t.Errorf("got %q, %v", got, err)
			}
			if want := "file=a.ogg language=en model=gpt-4o-mini-transcribe response_format=" + format + " timestamp_granularities[]=word"; form != want {
				t.Errorf("sent %s, want %s", form, want)
			}
		})
	}
}

// serveForm writes the fields of a form down and answers.
func serveForm(t *testing.T, form *string, answer func(http.ResponseWriter)) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		parts, err := r.MultipartReader()
		if err != nil {
			t.Error(err)
			return
		}
		*form = strings.Join(fieldsOf(t, parts), " ")
		answer(w)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// fieldsOf are the fields of a form as name=value, of a file as name=filename.
func fieldsOf(t *testing.T, parts *multipart.Reader) []string {
	t.Helper()
	var fields []string
	for {
		part, err := parts.NextPart()
		if err == io.EOF { // wrapped, it means a form without an end
			slices.Sort(fields)
			return fields
		}
		if err != nil {
			t.Error(err)
			return nil
		}
		value, _ := io.ReadAll(part) // what is cut off is not what is wanted
		if part.FileName() != "" {
			value = []byte(part.FileName())
		}
		fields = append(fields, part.FormName()+"="+string(value))
	}
}

func TestEachOperationHasAModelOfItsOwn(t *testing.T) {
	t.Parallel()
	m := New().Describe()
	for op, want := range map[string]string{
		provider.OpChat: "gpt-4o-mini", provider.OpResponses: "gpt-4o-mini", provider.OpEmbeddings: "text-embedding-3-small",
		provider.OpModerations: "omni-moderation-latest", provider.OpImagesGenerate: "gpt-image-1", provider.OpImagesEdit: "gpt-image-1",
		provider.OpAudioSpeech: "gpt-4o-mini-tts", provider.OpAudioTranscription: "gpt-4o-mini-transcribe", provider.OpAudioTranslation: "whisper-1",
	} {
		if got := m.DefaultModel(op); got != want {
			t.Errorf("%s: the manifest says %q, want %q", op, got, want)
		}
	}
	p := newPlatform(t)
	for op, body := range map[string]string{
		provider.OpChat: `{` + conversation + `}`, provider.OpEmbeddings: `{"input":"a"}`, provider.OpModerations: `{"input":"a"}`, provider.OpImagesGenerate: `{"prompt":"a"}`,
	} {
		if _, err := open(t, p.url, nil).Call(t.Context(), request(op, body)); err != nil {
			t.Fatal(err)
		}
		if sent := <-p.requests; !strings.Contains(string(sent.body), `"model":"`+m.DefaultModel(op)+`"`) {
			t.Errorf("%s: sent %s", op, sent.body)
		}
	}
}

func TestAnEndpointIsTestedWithTheKeyOfTheRequest(t *testing.T) {
	t.Parallel()
	p := newPlatform(t)
	conn := open(t, p.url, nil)
	req := request("", "")
	for _, want := range []string{testKey, "sk-of-this-test-0001"} {
		if err := conn.TestEndpoint(t.Context(), req); err != nil {
			t.Fatal(err)
		}
		if sent := <-p.requests; sent.header.Get("Authorization") != "Bearer "+want {
			t.Errorf("sent %q, want %q", sent.header.Get("Authorization"), want)
		}
		req.Credential = provider.NewSecret("sk-of-this-test-0001")
	}
}
