//go:build unix

package managed_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/plugins/internal/managed"
	"github.com/backplane-dev/backplane/plugins/internal/managed/managedtest"
	"github.com/backplane-dev/backplane/plugins/internal/plugintest"
	"github.com/backplane-dev/backplane/sdk/provider"
)

func TestAServerOfSomebodyElsesIsUsedAndLeftAlone(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	stranger := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/chat/completions" {
			plugintest.Write(w, http.StatusOK, "application/json", `{"object":"chat.completion","id":"stranger"}`)
		}
	}))
	l.port = stranger.Listener.Addr().String()[len("127.0.0.1:"):]
	l.mustOpen(t, "e", l.block(t, nil))
	if got := l.mustCall(t, "e", provider.OpChat, chat); !strings.Contains(string(got.Body), "stranger") {
		t.Errorf("got %s", got.Body)
	}
	if st := l.status(t, "e"); !st.Foreign || st.State != managed.Ready {
		t.Errorf("got %+v", st)
	}
	stranger.Close() // now ours is started in its place
	managedtest.Eventually(t, "our server is ready", func() bool {
		st := l.status(t, "e")
		return st.State == managed.Ready && !st.Foreign && st.PID != 0
	})
}

func TestServersWithOtherSettingsDoNotCollide(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.mustOpen(t, "a", l.block(t, nil))
	diags := l.open(t, "b", l.block(t, nil, "--load", "1ms"))
	if len(diags) != 1 || diags[0].Path != "base_url" || !strings.Contains(diags[0].Detail, "another port") {
		t.Fatalf("got %v", diags)
	}
	// A change of the endpoint itself is a server in the place of the old one.
	first := statusOf(t, l.mustCall(t, "a", managed.OpStart, `{"wait":true}`).Body)
	if diags := l.openAt(t, "a", 2, "http://127.0.0.1:"+l.port+"/v1", l.block(t, nil, "--load", "1ms")); len(diags) > 0 {
		t.Fatal(diags)
	}
	l.mustCall(t, "a", provider.OpChat, chat)
	if st := l.status(t, "a"); st.PID == first.PID || alive(first.PID) {
		t.Errorf("got %+v after %+v", st, first)
	}
}

func TestTheNextGenerationTakesTheServerOver(t *testing.T) {
	t.Parallel()
	old := newLab(t)
	block := old.block(t, plugintest.Settings{"autostart": "open"}, "--load", "300ms")
	old.mustOpen(t, "e", block)
	fresh := old.another(t)
	fresh.mustOpen(t, "e", block)
	first := old.await(t, "e", managed.Ready)
	second := fresh.await(t, "e", managed.Ready)
	if first.PID != second.PID || first.Found == second.Found {
		t.Errorf("the generations have %+v and %+v", first, second)
	}
	if err := old.CloseEndpoint(t.Context(), "e"); err != nil {
		t.Fatal(err)
	}
	time.Sleep(300 * time.Millisecond)
	if st := fresh.status(t, "e"); st.State != managed.Ready || !alive(first.PID) {
		t.Errorf("the old generation took the server with it: %+v", st)
	}
	fresh.mustCall(t, "e", provider.OpChat, chat)
	if n := len(managedtest.Starts(t, old.starts)); n != 1 {
		t.Errorf("there were %d starts", n)
	}
	if err := fresh.CloseEndpoint(t.Context(), "e"); err != nil {
		t.Fatal(err)
	}
	managedtest.Eventually(t, "the process ends", func() bool { return !alive(first.PID) })
}

func TestAServerThatNobodyCallsIsTakenOverToo(t *testing.T) {
	t.Parallel()
	for _, autostart := range []string{"open", "first_use", "manual"} {
		t.Run(autostart, func(t *testing.T) {
			t.Parallel()
			old := newLab(t)
			block := old.block(t, plugintest.Settings{"autostart": autostart})
			old.mustOpen(t, "e", block)
			old.mustCall(t, "e", managed.OpStart, `{"wait":true}`)
			first := old.status(t, "e")
			fresh := old.another(t)
			fresh.mustOpen(t, "e", block)
			if err := old.CloseEndpoint(t.Context(), "e"); err != nil { // at once, as in a swap without requests
				t.Fatal(err)
			}
			if st := fresh.await(t, "e", managed.Ready); st.PID != first.PID || !st.Found {
				t.Errorf("the next generation has %+v", st)
			}
			if n := len(managedtest.Starts(t, old.starts)); n != 1 {
				t.Errorf("there were %d starts", n)
			}
		})
	}
}

func TestAStopByOneGenerationIsNoCrashForTheOther(t *testing.T) {
	t.Parallel()
	old := newLab(t)
	block := old.block(t, plugintest.Settings{"autostart": "open"})
	old.mustOpen(t, "e", block)
	fresh := old.another(t)
	fresh.mustOpen(t, "e", block)
	old.await(t, "e", managed.Ready)
	fresh.await(t, "e", managed.Ready)
	fresh.mustCall(t, "e", managed.OpStop, `{}`)
	old.await(t, "e", managed.Stopped)
	time.Sleep(300 * time.Millisecond)
	if n := len(managedtest.Starts(t, old.starts)); n != 1 {
		t.Errorf("there were %d starts", n)
	}
}
