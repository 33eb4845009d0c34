package plugin

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/go-hclog"
)

// maxPairs bounds the key-value pairs that are kept of one line.
const maxPairs = 24

// entry is one line of a plugin's log, ready for the host's log.
type entry struct {
	level   hclog.Level
	message string
	args    []any // key, value, ...; keys and values are printable
	plain   bool  // not JSON of hclog
}

// text is the line without its level.
func (e entry) text() string {
	var b strings.Builder
	b.WriteString(e.message)
	for i := 0; i+1 < len(e.args); i += 2 {
		fmt.Fprintf(&b, " %v=%v", e.args[i], e.args[i+1])
	}
	return printable(b.String(), maxMessage)
}

// String is the line as it is kept for the operator.
func (e entry) String() string {
	return "[" + strings.ToUpper(e.level.String()) + "] " + e.text()
}

// parseLine reads hclog's JSON, and takes everything else as plain text. No
// input makes it panic.
func parseLine(raw []byte, cut bool) entry {
	if bytes.HasPrefix(raw, []byte{'{'}) {
		if cut {
			return entry{level: levelOfCut(raw), message: printable(string(raw), maxMessage), plain: true}
		}
		if e, ok := parseJSON(raw); ok {
			return e
		}
	}
	e := entry{level: hclog.Info, plain: true}
	text := string(raw)
	if word, _, ok := strings.Cut(text, "]"); ok && strings.HasPrefix(word, "[") {
		if level := hclog.LevelFromString(word[1:]); level != hclog.NoLevel && level != hclog.Off {
			e.level, text = level, strings.TrimSpace(text[len(word)+1:])
		}
	}
	e.message = printable(text, maxMessage)
	if cut && len(text) <= maxMessage {
		e.message += " … [cut]"
	}
	return e
}

// parseJSON reads a line as hclog writes it. A line without a message that is a
// string is not hclog's.
func parseJSON(raw []byte) (entry, bool) {
	var fields map[string]any
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	if err := dec.Decode(&fields); err != nil || dec.InputOffset() != int64(len(bytes.TrimRight(raw, " \t\r"))) {
		return entry{}, false
	}
	message, ok := fields["@message"].(string)
	if !ok {
		return entry{}, false
	}
	e := entry{level: hclog.Info, message: printable(message, maxMessage)}
	if word, ok := fields["@level"].(string); ok {
		if level := hclog.LevelFromString(word); level != hclog.NoLevel && level != hclog.Off {
			e.level = level
		}
	}
	e.args = pairs(fields)
	return e, true
}

// pairs flattens the fields that are not hclog's own, sorted by name.
func pairs(fields map[string]any) []any {
	var names []string
	for name := range fields {
		if !strings.HasPrefix(name, "@") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	names = names[:min(len(names), maxPairs)]
	args := make([]any, 0, 2*len(names))
	for _, name := range names {
		args = append(args, printable(name, 100), printable(valueText(fields[name]), maxMessage))
	}
	return args
}

func valueText(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	default:
		text, err := json.Marshal(v)
		if err != nil {
			return fmt.Sprint(v)
		}
		return string(text)
	}
}

// levelOfCut finds the level in a line of JSON that was cut off. hclog writes
// its fields sorted, so the level stands at the front.
func levelOfCut(raw []byte) hclog.Level {
	_, rest, found := bytes.Cut(raw[:min(len(raw), 512)], []byte(`"@level":"`))
	word, _, closed := bytes.Cut(rest, []byte{'"'})
	if found && closed {
		if level := hclog.LevelFromString(string(word)); level != hclog.NoLevel && level != hclog.Off {
			return level
		}
	}
	return hclog.Info
}
