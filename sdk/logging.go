package sdk

import (
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
)

// LogLevelEnv is the environment variable with the least level that a plugin
// logs: debug, info (the default), warn or error.
const LogLevelEnv = "BACKPLANE_LOG_LEVEL"

// hclogTime is the form of time stamps in hclog's JSON lines.
const hclogTime = "2006-01-02T15:04:05.000000Z07:00"

// newLogger makes a logger whose lines the host reads as its own: JSON with
// hclog's keys.
func newLogger(w io.Writer, level string) *slog.Logger {
	options := &slog.HandlerOptions{Level: slogLevel(level), ReplaceAttr: hclogKeys}
	return slog.New(slog.NewJSONHandler(w, options))
}

func hclogKeys(groups []string, a slog.Attr) slog.Attr {
	if len(groups) > 0 {
		return a
	}
	switch a.Key {
	case slog.TimeKey:
		if t, ok := a.Value.Any().(time.Time); ok {
			return slog.String("@timestamp", t.Format(hclogTime))
		}
	case slog.LevelKey:
		return slog.String("@level", strings.ToLower(a.Value.String()))
	case slog.MessageKey:
		a.Key = "@message"
	}
	return a
}

func slogLevel(name string) slog.Level {
	var level slog.Level
	if err := level.UnmarshalText([]byte(name)); err != nil {
		return slog.LevelInfo
	}
	return level
}

// newPluginLogger is the logger of go-plugin itself.
func newPluginLogger(w io.Writer, level string) hclog.Logger {
	chosen := hclog.LevelFromString(level)
	if chosen == hclog.NoLevel {
		chosen = hclog.Info
	}
	return hclog.New(&hclog.LoggerOptions{Name: "go-plugin", Level: chosen, Output: w, JSONFormat: true})
}
