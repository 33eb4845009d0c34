package host

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/backplane-dev/backplane/host/internal/plugin"
)

// findAttached asks a plugin that somebody else runs who it is.
func findAttached(ctx context.Context, name, text string) foundPlugin {
	found := foundPlugin{path: attachedTo(text), attach: func() (plugin.Attachment, error) { return readAttachment(name, text) }}
	at, err := found.attach()
	if err == nil {
		found.manifest, err = plugin.DescribeAttached(ctx, at)
	}
	if err == nil {
		err = plugin.CheckName(found.manifest, name, found.path)
	}
	if err != nil {
		return foundPlugin{path: found.path, err: fmt.Errorf("provider %q: %w", name, err)}
	}
	return found
}

// attachedTo stands for the path of a binary, which the host does not know.
func attachedTo(text string) string {
	if isJSON(text) {
		return "(attached)"
	}
	return "(attached by " + text + ")"
}

// readAttachment takes JSON as it is, and reads it from a file else.
func readAttachment(name, text string) (plugin.Attachment, error) {
	if isJSON(text) {
		return plugin.ParseAttachment(name, []byte(text))
	}
	data, err := os.ReadFile(text)
	if err != nil {
		return plugin.Attachment{}, fmt.Errorf("read the attachment, which a plugin in debug mode prints: %w", err)
	}
	at, err := plugin.ParseAttachment(name, data)
	if err != nil {
		return at, fmt.Errorf("%s: %w", text, err)
	}
	return at, nil
}

func isJSON(text string) bool { return strings.HasPrefix(strings.TrimSpace(text), "{") }
