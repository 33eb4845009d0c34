package main

import (
	"encoding/json"
	"strings"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// nativeMessages translates a conversation. Ollama wants the name of the tool
// with its result, which OpenAI gives with the call.
func nativeMessages(in []provider.Message) ([]message, error) {
	out := make([]message, 0, len(in))
	tools := map[string]string{} // names by the id of the call
	for i := range in {
		m, err := nativeMessage(&in[i], tools)
		if err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	return out, nil
}

func nativeMessage(in *provider.Message, tools map[string]string) (message, error) {
	out := message{Role: in.Role}
	switch in.Role {
	case "developer":
		out.Role = "system"
	case "tool":
		out.ToolCallID, out.ToolName = in.ToolCallID, tools[in.ToolCallID]
		if out.ToolName == "" {
			out.ToolName = in.Name
		}
	case "function": // the older form of a tool's result
		out.Role, out.ToolName = "tool", in.Name
	}
	if err := json.Unmarshal(in.Extra["reasoning_content"], &out.Thinking); err != nil {
		out.Thinking = "" // absent, or null
	}
	if err := addContent(&out, in.Content); err != nil {
		return out, err
	}
	for _, call := range in.ToolCalls {
		tools[call.ID] = call.Function.Name
		translated, err := nativeCall(call)
		if err != nil {
			return out, err
		}
		out.ToolCalls = append(out.ToolCalls, translated)
	}
	return out, nil
}

// nativeCall makes an object of a call's arguments.
func nativeCall(in provider.ToolCall) (toolCall, error) {
	out := toolCall{ID: in.ID}
	out.Function.Name = in.Function.Name
	arguments := strings.TrimSpace(in.Function.Arguments)
	if arguments == "" {
		arguments = "{}"
	}
	if !strings.HasPrefix(arguments, "{") || !json.Valid([]byte(arguments)) {
		return out, invalid("messages", "the arguments of the call %q of %q are not a JSON object", in.ID, in.Function.Name)
	}
	out.Function.Arguments = json.RawMessage(arguments)
	return out, nil
}

// addContent puts texts together and images beside them.
func addContent(out *message, in provider.Content) error {
	if in.Parts == nil {
		out.Content = in.Text
		return nil
	}
	var texts []string
	for _, part := range in.Parts {
		switch {
		case part.Type == "text":
			texts = append(texts, part.Text)
		case part.Type == "image_url" && part.ImageURL != nil:
			image, err := imageData(part.ImageURL.URL)
			if err != nil {
				return err
			}
			out.Images = append(out.Images, image)
		default:
			return invalid("messages", "a part of a message has the type %q; Ollama takes text and image_url", part.Type)
		}
	}
	out.Content = strings.Join(texts, "\n")
	return nil
}

// imageData returns the base64 of a data: URL. Ollama fetches no addresses.
func imageData(url string) (string, error) {
	head, data, found := strings.Cut(url, ",")
	if !found || !strings.HasPrefix(head, "data:") || !strings.HasSuffix(head, ";base64") {
		return "", invalid("messages", "Ollama takes images as data: URLs in base64 alone and fetches no addresses; put the image into the request")
	}
	return data, nil
}
