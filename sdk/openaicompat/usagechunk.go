package openaicompat

import (
	"encoding/json"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// sendUsage sends the chunk with the usage that the caller asked for and the
// service reported in its own way.
func (s *stream) sendUsage() error {
	if !s.makeUsage || s.finish.Usage == nil {
		return nil
	}
	data, err := json.Marshal(provider.ChatChunk{
		ID: s.id, Created: time.Now().Unix(), Model: s.meta.Model, Usage: s.finish.Usage.ChatUsage(),
	})
	if err != nil {
		return err
	}
	return s.out.Send(data)
}
