package main

import (
	"strconv"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// callIDs gives the calls of an answer indexes, and ids where Ollama gave none,
// as versions before 0.12 do.
type callIDs struct {
	request string
	next    int
}

// canonical translates calls. Those of a stream carry their index.
func (c *callIDs) canonical(in []toolCall, indexed bool) []provider.ToolCall {
	var out []provider.ToolCall
	for _, call := range in {
		index := c.next
		c.next++
		arguments := compact(call.Function.Arguments)
		if arguments == "" || arguments == "null" {
			arguments = "{}"
		}
		translated := provider.ToolCall{
			ID: call.ID, Type: "function", Function: provider.FunctionCall{Name: call.Function.Name, Arguments: arguments},
		}
		if translated.ID == "" {
			translated.ID = "call_" + c.request + "_" + strconv.Itoa(index)
		}
		if indexed {
			translated.Index = &index
		}
		out = append(out, translated)
	}
	return out
}
