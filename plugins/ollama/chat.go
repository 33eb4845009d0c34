package main

import (
	"context"
	"net/http"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
)

const chatPath = "/api/chat"

// Chat implements [provider.Chatter].
func (e *endpoint) Chat(ctx context.Context, req *provider.ChatRequest) (*provider.ChatResponse, error) {
	body, err := e.chatRequest(req, false)
	if err != nil {
		return nil, err
	}
	var got answer
	meta, err := e.call(ctx, req.Call, http.MethodPost, chatPath, body, &got)
	if err != nil {
		return nil, err
	}
	if !got.Done {
		return nil, protocol("the service's answer is not done, though no stream was asked for")
	}
	ids := &callIDs{request: req.Call.RequestID}
	out := &provider.ChatResponse{
		ID: answerID(req.Call), Created: created(got.CreatedAt), Model: got.Model,
		Usage: got.usage().ChatUsage(), Extra: got.extra(), Meta: meta,
	}
	message := provider.ResponseMessage{
		Role: "assistant", ReasoningContent: got.Message.Thinking, ToolCalls: ids.canonical(got.Message.ToolCalls, false),
	}
	if got.Message.Content != "" || len(message.ToolCalls) == 0 {
		message.Content = &got.Message.Content
	}
	out.Choices = []provider.Choice{{
		Message: message, FinishReason: got.finish(len(message.ToolCalls) > 0), Logprobs: got.logprobs(),
	}}
	return out, nil
}

func answerID(req *provider.Request) string { return "chatcmpl-" + req.RequestID }

// created is the time of an answer in seconds, now if it says none.
func created(text string) int64 {
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		at = time.Now()
	}
	return at.Unix()
}
