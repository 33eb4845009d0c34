package sdk_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/backplane-dev/backplane/sdk"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// roleEnv makes the test binary play a plugin.
const roleEnv = "SDK_TEST_ROLE"

// A print while packages are initialised, as an author's debugging leaves them.
var _ = noise("in a package variable")

func TestMain(m *testing.M) {
	switch role := os.Getenv(roleEnv); role {
	case "":
		os.Exit(m.Run())
	default:
		noise("in main")
		sdk.Serve(&sample{role: role})
	}
}

// noise prints to standard output in a plugin that is told to be noisy.
func noise(where string) bool {
	if os.Getenv(roleEnv) == "noisy" {
		fmt.Println("noise " + where)
	}
	return true
}

// sample is the plugin that the tests start.
type sample struct{ role string }

func (s *sample) Describe() provider.Manifest {
	noise("in Describe")
	switch s.role {
	case "panics":
		panic("no manifest today")
	case "invalid":
		return provider.Manifest{Name: "Bad Name", Version: "1"}
	}
	return provider.Manifest{
		Name: "sample", Version: "1.2.3", Description: "Plays a plugin in tests.",
		Operations: []provider.Operation{{Name: "chat", Modes: []provider.Mode{provider.ModeCall, provider.ModeStream}, Description: "Say it back."}},
		Credential: provider.Credential{Env: []string{"SAMPLE_KEY"}},
		Models:     provider.Models{Default: "sample-1"},
	}
}

func (s *sample) Open(context.Context, provider.EndpointConfig) (provider.Endpoint, error) {
	noise("in Open")
	return s, nil
}

func (s *sample) Call(_ context.Context, req *provider.Request) (*provider.Response, error) {
	if s.role == "noisy" {
		// More than a pipe holds: it would block if nobody read it.
		fmt.Println(strings.Repeat("noise in Call ", 20_000))
		slog.Info("a line of the author", "endpoint", req.Endpoint)
	}
	if string(req.Body) == "panic" {
		panic("asked for")
	}
	return &provider.Response{Body: req.Body}, nil
}

func (s *sample) Stream(ctx context.Context, req *provider.Request, out provider.Sink) (provider.Finish, error) {
	if err := out.Send(req.Body); err != nil {
		return provider.Finish{}, err
	}
	<-ctx.Done()
	return provider.Finish{}, ctx.Err()
}
