package api

import (
	"github.com/backplane-dev/backplane/host/internal/peek"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// operation is a well-known operation with a path of its own.
type operation struct {
	path, name string
	// takes says what the body is and, with it, how the operation is called.
	takes shape
	// stream is how a streamed answer is written; nil if there is none, and
	// "stream" then is a field like any other.
	stream *dialect
}

// shape is what an operation takes and gives.
type shape uint8

const (
	takesJSON   shape = iota // JSON in, JSON or a stream out
	givesBytes               // JSON in, bytes out: a transfer without an upload
	takesUpload              // a multipart form in: a transfer with one
)

// wellKnown are OpenAI's paths, and the one for reranking that Cohere, Jina and
// many servers share.
var wellKnown = []operation{
	{path: "/v1/chat/completions", name: provider.OpChat, stream: chatDialect},
	{path: "/v1/completions", name: provider.OpCompletions, stream: chatDialect},
	{path: "/v1/responses", name: provider.OpResponses, stream: responsesDialect},
	{path: "/v1/embeddings", name: provider.OpEmbeddings},
	{path: "/v1/moderations", name: provider.OpModerations},
	{path: "/v1/rerank", name: provider.OpRerank},
	{path: "/v1/images/generations", name: provider.OpImagesGenerate, stream: namedDialect},
	{path: "/v1/audio/speech", name: provider.OpAudioSpeech, takes: givesBytes},
	{path: "/v1/audio/transcriptions", name: provider.OpAudioTranscription, takes: takesUpload},
	{path: "/v1/audio/translations", name: provider.OpAudioTranslation, takes: takesUpload},
}

// named returns the well-known operation of that name.
func named(name string) (operation, bool) {
	for _, op := range wellKnown {
		if op.name == name {
			return op, true
		}
	}
	return operation{}, false
}

// serve answers a request to a well-known path.
func (x *exchange) serve(op operation) {
	body, err := x.readBody()
	if err != nil {
		x.fail(err)
		return
	}
	if op.takes == takesUpload {
		err = x.form(op.name, "", body)
	} else {
		err = x.json(op, body)
	}
	if err != nil {
		x.fail(err)
		body.release()
	}
}

// json answers a well-known operation with a JSON body. The returned error was
// found before the request went anywhere; whatever comes later is written here.
func (x *exchange) json(op operation, body *buffer) error {
	facts, err := readFacts(body.data)
	if err != nil {
		return err
	}
	req, err := x.request(op.name, "")
	if err != nil {
		return err
	}
	if facts.Model == "" && req.Endpoint == "" {
		return noModel()
	}
	req.Model, req.Body = facts.Model, body.data
	switch {
	case op.takes == givesBytes:
		x.transfer(&provider.TransferRequest{Request: *req})
	case facts.Stream && op.stream != nil:
		x.stream(req, op.stream, body)
	default:
		x.call(req, body, wantsBase64(op.name, &facts))
	}
	return nil
}

// readFacts validates the body of a well-known operation.
func readFacts(body []byte) (peek.Facts, error) {
	if len(body) == 0 {
		return peek.Facts{}, invalid("", "the body is empty; send a JSON object")
	}
	facts, err := peek.Request(body)
	if err != nil {
		return facts, err
	}
	return facts, facts.Check()
}

func noModel() error {
	return invalid("model", `"model" is missing; give the name of a model, a route or an endpoint as a string (GET /v1/models lists them)`)
}
