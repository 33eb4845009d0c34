package stats

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"pgregory.net/rapid"

	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/provider"
)

var all status.RequestFilter

func TestRecentRequestsAreBoundedInNumberAndListedNewestFirst(t *testing.T) {
	t.Parallel()
	r := New(true)
	for i := range maxRecent + 500 {
		r.Remember(status.Request{Attempts: i + 2, At: time.Now()})
	}
	got := r.Recent(all)
	if len(got) != maxRecent {
		t.Fatalf("%d requests are kept, want %d", len(got), maxRecent)
	}
	for i, req := range got {
		if want := maxRecent + 501 - i; req.Attempts != want {
			t.Fatalf("request %d is number %d, want %d", i, req.Attempts, want)
		}
	}
	if got := r.Recent(status.RequestFilter{Limit: 3}); len(got) != 3 || got[2].Attempts != maxRecent+499 {
		t.Errorf("the latest three are %+v", got)
	}
}

func TestRecentRequestsAreKeptForAnHour(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := New(true)
		for range 1500 {
			r.Remember(status.Request{At: time.Now()})
			time.Sleep(3 * time.Second)
		}
		if got := r.Recent(all); len(got) != 1199 {
			t.Errorf("%d requests of the last hour, want 1199", len(got))
		}
		if r.recent.n > 1202 {
			t.Errorf("%d requests are held, also those that are too old", r.recent.n)
		}
		time.Sleep(time.Hour - 30*time.Second)
		if got := r.Recent(all); len(got) != 9 {
			t.Errorf("%d requests of the last hour, want 9", len(got))
		}
	})
}

func TestWhatIsForgottenTakesNoMemory(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := New(true)
		for range 50 {
			r.Remember(status.Request{ID: "old", At: time.Now()})
		}
		time.Sleep(2 * maxAge)
		r.Remember(status.Request{ID: "new", At: time.Now()})
		for i, req := range r.recent.ring {
			if req.ID == "old" {
				t.Errorf("place %d of the ring still holds an old request", i)
			}
		}
		if r.recent.n != 1 || r.recent.extra != len("new") {
			t.Errorf("%d requests take %d bytes, want 1 and 3", r.recent.n, r.recent.extra)
		}
		r.Reset()
		if r.recent.n != 0 || r.recent.extra != 0 || r.recent.ring != nil {
			t.Errorf("after a reset %d requests take %d bytes", r.recent.n, r.recent.extra)
		}
	})
}

// A request counts from its end: one that took long is not gone at once.
func TestARequestThatTookHoursIsKept(t *testing.T) {
	t.Parallel()
	r := New(true)
	r.Remember(status.Request{At: time.Now().Add(-3 * time.Hour), Duration: 3*time.Hour - time.Minute})
	if got := r.Recent(all); len(got) != 1 {
		t.Errorf("%d requests are kept, want 1", len(got))
	}
}

func TestTheMemoryOfRecentRequestsIsBounded(t *testing.T) {
	t.Parallel()
	if n := maxRecent * int(unsafe.Sizeof(status.Request{})); n > maxExtra {
		t.Errorf("the ring takes %d bytes, more than the %d that are documented", n, maxExtra)
	}
	r := New(true)
	long := strings.Repeat("x", 1000)
	for i := range 3 * maxRecent {
		req := status.Request{ID: fmt.Sprint(i), At: time.Now(), Error: long}
		for range 20 {
			req.Tries = append(req.Tries, status.Try{Error: long})
		}
		r.Remember(req)
	}
	got, size := r.Recent(all), 0
	for i := range got {
		size += extra(&got[i])
	}
	if size > maxExtra || size != r.recent.extra {
		t.Errorf("texts and tries take %d bytes, counted as %d, of %d", size, r.recent.extra, maxExtra)
	}
	if size < maxExtra-extra(&got[0]) || got[0].ID != fmt.Sprint(3*maxRecent-1) {
		t.Errorf("%d bytes are used, the latest request is %s", size, got[0].ID)
	}
}

// TestTheListIsThatOfASimpleModel holds the ring against a plain slice.
func TestTheListIsThatOfASimpleModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		r, model := New(true), []status.Request(nil)
		now := time.Now()
		rt.Repeat(map[string]func(*rapid.T){
			"remember": func(rt *rapid.T) {
				for range rapid.IntRange(1, 300).Draw(rt, "requests") {
					req := status.Request{ID: fmt.Sprint(len(model)), At: now}
					r.Remember(req)
					model = append(model, req)
				}
			},
			"reset": func(*rapid.T) {
				r.Reset()
				model = nil
			},
			"": func(rt *rapid.T) {
				limit := rapid.IntRange(0, 400).Draw(rt, "limit")
				got := r.Recent(status.RequestFilter{Limit: limit})
				want := len(model)
				if limit > 0 {
					want = min(want, limit)
				}
				if len(got) != want {
					rt.Fatalf("%d requests, want %d", len(got), want)
				}
				for i := range got {
					if got[i].ID != model[len(model)-1-i].ID {
						rt.Fatalf("request %d is %s, want %s", i, got[i].ID, model[len(model)-1-i].ID)
					}
				}
			},
		})
	})
}

func TestRecentRequestsAreChosenByTheFilter(t *testing.T) {
	t.Parallel()
	r := New(true)
	now := time.Now()
	for i := range 1000 {
		req := status.Request{ID: fmt.Sprint(i), At: now, Success: true}
		if i%100 == 7 {
			req.Success, req.Code, req.Tenant = false, provider.CodeTimeout, "t1"
		}
		r.Remember(req)
	}
	got := r.Recent(status.RequestFilter{Code: provider.CodeTimeout, Tenant: "t1", Limit: 4})
	if len(got) != 4 || got[0].ID != "907" || got[3].ID != "607" {
		t.Errorf("%+v", got)
	}
}

func TestTheOnlyAttemptIsToldAlsoWhereItWasNot(t *testing.T) {
	t.Parallel()
	r := New(true)
	now := time.Now()
	r.Remember(status.Request{Endpoint: "fast", Provider: "echo", At: now, QueueWait: time.Second, ProviderTime: 2 * time.Second, Attempts: 1, Success: true})
	r.Remember(status.Request{At: now, Code: provider.CodeQueueFull})
	r.Remember(status.Request{At: now, Attempts: 2})
	list := r.Recent(all)
	if len(list[0].Tries) != 0 {
		t.Errorf("two attempts that were not told are told as %+v", list[0].Tries)
	}
	list = list[1:]
	want := status.Try{Endpoint: "fast", Provider: "echo", Number: 1, At: now.Add(time.Second), QueueWait: time.Second,
		Permit: status.CircuitClosed, Duration: 2 * time.Second}
	if len(list[1].Tries) != 1 || list[1].Tries[0] != want {
		t.Errorf("got %+v, want %+v", list[1].Tries, want)
	}
	if len(list[0].Tries) != 0 {
		t.Errorf("a refusal has the attempts %+v", list[0].Tries)
	}
}

func TestALongStoryKeepsItsBeginningAndItsEnd(t *testing.T) {
	t.Parallel()
	r := New(true)
	tries := make([]status.Try, 40)
	for i := range tries {
		tries[i] = status.Try{Number: i + 1, Error: strings.Repeat("e", 1000)}
	}
	r.Remember(status.Request{At: time.Now(), Attempts: 40, Tries: tries})
	got := r.Recent(all)[0].Tries
	if len(got) != maxTries || got[7].Number != 8 || got[8].Number != 33 || got[15].Number != 40 {
		t.Errorf("the attempts kept are %+v", got)
	}
	if len(got[0].Error) > maxErrorBytes+3 || len(tries[0].Error) != 1000 {
		t.Errorf("%d bytes of error are kept; the caller's own has %d, want 1000", len(got[0].Error), len(tries[0].Error))
	}
}

func TestRecentRequestsCanBeTurnedOff(t *testing.T) {
	t.Parallel()
	r := New(true)
	r.Remember(status.Request{At: time.Now()})
	r.KeepRecent(false)
	r.Remember(status.Request{At: time.Now()})
	if got := r.Recent(all); r.Keeps() || len(got) != 0 {
		t.Errorf("%d requests are kept", len(got))
	}
	r.KeepRecent(true)
	r.Remember(status.Request{At: time.Now()})
	if got := r.Recent(all); len(got) != 1 {
		t.Errorf("%d requests are kept, want 1", len(got))
	}
}

func TestLongErrorsAreCutAtACharacter(t *testing.T) {
	t.Parallel()
	r := New(true)
	r.Remember(status.Request{At: time.Now(), Error: strings.Repeat("ä", 1000) + "x"})
	r.Remember(status.Request{At: time.Now(), Error: "x" + strings.Repeat("ä", 1000)})
	for _, req := range r.Recent(all) {
		if len(req.Error) > maxErrorBytes+3 || strings.ContainsRune(req.Error, '\uFFFD') || !strings.HasSuffix(req.Error, "ä...") {
			t.Errorf("%q", req.Error)
		}
	}
}

// A caller chooses the model's name, and may choose one of megabytes.
func TestLongNamesDoNotFillTheMemory(t *testing.T) {
	t.Parallel()
	r := New(true)
	long := strings.Repeat("m", 1<<20)
	r.Remember(status.Request{At: time.Now(), ID: long, Operation: long, Model: long, Tenant: long})
	got := r.Recent(all)[0]
	for _, text := range []string{got.ID, got.Operation, got.Model, got.Tenant} {
		if len(text) > maxNameBytes+3 || !strings.HasSuffix(text, "m...") {
			t.Errorf("%d bytes are kept", len(text))
		}
	}
}

func TestListingDoesNotDisturbThoseWhoAdd(t *testing.T) {
	t.Parallel()
	r := New(true)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 5000 {
				r.Remember(status.Request{At: time.Now()})
			}
		})
	}
	for range 20 {
		r.Recent(status.RequestFilter{Text: "nothing has this"})
	}
	wg.Wait()
	if got := r.Recent(all); len(got) != maxRecent {
		t.Errorf("%d requests, want %d", len(got), maxRecent)
	}
}

func BenchmarkRemember(b *testing.B) {
	r := New(true)
	req := status.Request{ID: "req_0123456789abcdef", Endpoint: "e", Operation: "chat", Model: "gpt-4o-mini", At: time.Now(), Attempts: 1, Success: true}
	b.ReportAllocs()
	for b.Loop() {
		r.Remember(req)
	}
}

func BenchmarkRememberContended(b *testing.B) {
	r := New(true)
	b.ReportAllocs()
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		req := status.Request{ID: "req_0123456789abcdef", Endpoint: "e", Operation: "chat", Model: "gpt-4o-mini", At: time.Now(), Attempts: 1, Success: true}
		for pb.Next() {
			r.Remember(req)
		}
	})
}
