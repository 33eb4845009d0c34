package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// Chat generates a completion for the request's messages. req.Model is a model
// name, a route or an endpoint id; options that the struct does not name go into
// req.Extra. See [Host.Call] for what happens on the way.
func (h *Host) Chat(ctx context.Context, req *provider.ChatRequest) (*provider.ChatResponse, error) {
	call, err := chatCall(req, false)
	if err != nil {
		return nil, err
	}
	resp, err := h.Call(ctx, call)
	if err != nil {
		return nil, err
	}
	answer := &provider.ChatResponse{Meta: resp.Meta}
	if err := json.Unmarshal(resp.Body, answer); err != nil {
		return nil, &provider.Error{Code: provider.CodeProtocol, Source: provider.SourcePlugin,
			Message: fmt.Sprintf("the answer is not a chat completion: %v", err), Cause: err}
	}
	return answer, nil
}

// StreamChat generates a completion chunk by chunk. The sequence ends after the
// last chunk or with one error; leaving the loop early cancels the request
// upstream.
//
//	for chunk, err := range h.StreamChat(ctx, req) {
//		if err != nil {
//			return err
//		}
//		fmt.Print(chunk.Text())
//	}
func (h *Host) StreamChat(ctx context.Context, req *provider.ChatRequest) iter.Seq2[*provider.ChatChunk, error] {
	return func(yield func(*provider.ChatChunk, error) bool) {
		call, err := chatCall(req, true)
		if err != nil {
			yield(nil, err)
			return
		}
		stream, err := h.Stream(ctx, call)
		if err != nil {
			yield(nil, err)
			return
		}
		defer stream.Close()
		for {
			event, err := stream.Next()
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				yield(nil, err)
				return
			}
			if !yieldChunks(event.Chunks, yield) {
				return
			}
		}
	}
}

func yieldChunks(chunks [][]byte, yield func(*provider.ChatChunk, error) bool) bool {
	for _, data := range chunks {
		chunk := new(provider.ChatChunk)
		if err := json.Unmarshal(data, chunk); err != nil {
			yield(nil, &provider.Error{Code: provider.CodeProtocol, Source: provider.SourcePlugin,
				Message: fmt.Sprintf("a chunk is not a chat chunk: %v", err), Cause: err})
			return false
		}
		if !yield(chunk, nil) {
			return false
		}
	}
	return true
}

// chatCall makes the raw request of a typed one. What the caller set in
// req.Call (endpoint, request id, timeout, credential) is kept.
func chatCall(req *provider.ChatRequest, stream bool) (*provider.Request, error) {
	body := *req
	body.Stream = stream
	data, err := json.Marshal(body)
	if err != nil {
		return nil, &provider.Error{Code: provider.CodeInvalidRequest, Source: provider.SourceCaller,
			Message: fmt.Sprintf("encode the chat request: %v", err), Cause: err}
	}
	call := new(provider.Request)
	if req.Call != nil {
		*call = *req.Call
	}
	call.Operation, call.Model, call.Body = provider.OpChat, req.Model, data
	return call, nil
}
