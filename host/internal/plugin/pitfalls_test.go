//go:build unix

package plugin

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/backplane-dev/backplane/host/internal/testnames"
	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/client"
)

// TestThePitfallsPageNamesTestsThatExist keeps PITFALLS.md honest: every row has
// a test that exists, or says why none can be.
func TestThePitfallsPageNamesTestsThatExist(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("PITFALLS.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile(`(?m)^\| ([A-E]\d+) \|.*$`).FindAllStringSubmatch(string(page), -1)
	var got []string
	sources := testnames.New(t, "../../..")
	named := regexp.MustCompile(`([a-z/]+)\.(Test\w+)`)
	for _, row := range rows {
		got = append(got, row[1])
		tests := named.FindAllStringSubmatch(row[0], -1)
		if len(tests) == 0 && !strings.Contains(row[0], "Cannot occur:") {
			t.Errorf("%s names no test, and does not say why it cannot occur", row[1])
		}
		for _, test := range tests {
			if dir, name := test[1], test[2]; !sources.Has(dir, name) {
				t.Errorf("%s: there is no %s in %s", row[1], name, dir)
			}
		}
	}
	want := strings.Fields("A1 A2 A3 A4 A5 A6 A7 B1 B2 B3 B4 C1 C2 C3 C4 C5 D1 D2 D3 D4 D5 D6 D7 D8 D9 D10 D11 D12 E1 E2 E3 E4 E5 E6 E7")
	if !slices.Equal(got, want) {
		t.Errorf("the rows are %v, want %v", got, want)
	}
}

func TestTheSocketIsInThePrivateDirectoryAndRefusesStrangers(t *testing.T) {
	t.Parallel()
	p, _ := started(t)
	dir := p.current.Load().proc.dir.path
	var sockets []string
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.Type()&fs.ModeSocket != 0 {
			sockets = append(sockets, path)
		}
		return err
	})
	if err != nil || len(sockets) != 1 {
		t.Fatalf("sockets in %s: %v, %v; want one", dir, sockets, err)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the directory's mode is %v (%v)", info.Mode(), err)
	}
	// Whoever gets at the socket all the same, as root can, has no certificate.
	stranger, err := grpc.NewClient("unix:"+sockets[0], grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stranger.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if m, err := client.New(stranger).Describe(ctx); err == nil || ctx.Err() != nil {
		t.Errorf("a stranger got %+v, %v", m, err)
	}
	mustCall(t, p, "e", wish{}) // and did no harm
}

func TestWhatAPluginPrintsDuringACallNeverBlocksIt(t *testing.T) {
	t.Parallel()
	p, out := started(t)
	mustCall(t, p, "e", wish{Do: "print", Text: "a thousand words and one\n", Count: 200_000})
	waitLog(t, out, "a thousand words and one")
}

func TestTheChildrenOfAProcessEndWithIt(t *testing.T) {
	t.Parallel()
	p, _ := started(t)
	child := mustCall(t, p, "e", wish{Do: "child-in-group"}).Child
	kill9(t, p)
	waitGone(t, child)

	waitGeneration(t, p, 2)
	child = mustCall(t, p, "e", wish{Do: "child-in-group"}).Child
	shutDown(t, p)
	waitGone(t, child)
}

func TestATerminalsSignalsDoNotReachThePlugin(t *testing.T) {
	t.Parallel()
	p, _ := started(t)
	pid := p.Status(false).PID
	group, err := syscall.Getpgid(pid)
	if err != nil || group != pid || group == syscall.Getpgrp() {
		t.Errorf("process %d is in group %d (%v), want one of its own", pid, group, err)
	}
}

func TestReadinessIsAskedForAndNotAssumed(t *testing.T) {
	t.Parallel()
	p, _ := started(t)
	g := p.current.Load()
	if err := g.conn.Drain(t.Context(), time.Second); err != nil {
		t.Fatal(err)
	}
	// gRPC's own health service goes on to say that all is well.
	protocol, err := g.plugin.Client()
	if err != nil {
		t.Fatal(err)
	}
	if err := protocol.(*goplugin.GRPCClient).Ping(); err != nil {
		t.Errorf("the library's ping failed, so the test shows nothing: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	wantError(t, g.awaitHealth(ctx), "it says that it is not ready", "draining")
}

func TestACrashAndARefusalAreTwoThings(t *testing.T) {
	t.Parallel()
	p, _ := started(t)
	_, refusal := call(t.Context(), p, "e", wish{Do: "fail", Text: "no room"})
	wantError(t, refusal, "no room")
	if s := p.Status(false); s.State != status.ProviderReady || s.Restarts != 0 {
		t.Errorf("after an upstream's refusal the provider is %s with %d restarts", s.State, s.Restarts)
	}
	_, crash := call(t.Context(), p, "e", wish{Do: "exit", Count: 5})
	wantCode(t, crash, "plugin_unavailable", "exit status 5")
	waitGeneration(t, p, 2)
}
