//go:build linux

package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func at(seconds float64) time.Time {
	return start.Add(time.Duration(seconds * float64(time.Second)))
}

// told is an answer of a provider that began and ended at seconds.
func told(provider string, how ending, begin, end float64) answer {
	return answer{Provider: provider, Endpoint: provider, How: how, Begin: at(begin), End: at(end), Sent: at(begin)}
}

func TestOnlyWhatAFaultExplainsIsExcused(t *testing.T) {
	t.Parallel()
	killed := fault{Kind: kill, Provider: "echo", Begin: at(10), Done: at(10.1)}
	later := []answer{told("echo", served, 9, 9.1), told("echo", served, 11, 11.5), told("openai", served, 20, 20.1)}
	for _, tt := range []struct {
		about  string
		answer answer
		faults []fault
		want   string // in what is wrong, "" if nothing is
	}{
		{"a served call", told("echo", served, 1, 2), nil, ""},
		{"a failure without a fault", told("echo", failed, 1, 2), nil, "failed after 1s"},
		{"a failure when its process was killed", told("echo", failed, 9, 10.2), []fault{killed}, ""},
		{"a failure before it serves again", told("echo", failed, 10.5, 11), []fault{killed}, ""},
		{"a failure once it served again", told("echo", failed, 11.6, 12), []fault{killed}, "failed"},
		{"a failure of another provider", told("openai", failed, 9, 10.2), []fault{killed}, "failed"},
		{"a stream that was cut when its process was killed", told("echo", cut, 9, 10.2), []fault{killed}, "cut"},
		{"a call that hung when its process was killed", told("echo", hung, 9, 40), []fault{killed}, "hung"},
		{"no answer when its process was killed", told("echo", none, 9, 10.2), []fault{killed}, "none"},
		{"a failure during a swap", told("echo", failed, 9, 10.2), []fault{{Kind: swap, Provider: "echo", Begin: at(10), Done: at(10.1)}}, "failed"},
		{"a swap that failed", told("echo", served, 1, 2), []fault{{Kind: swap, Provider: "echo", Begin: at(10), Done: at(10.1), Wrong: "no"}}, "swap"},
		{"a swap that failed since the process was killed", told("echo", served, 1, 2), []fault{killed, {Kind: swap, Provider: "echo", Begin: at(10), Done: at(10.1), Wrong: "no"}}, ""},
		{"a bad binary that was taken", told("echo", served, 1, 2), []fault{killed, {Kind: badSwap, Provider: "echo", Begin: at(10), Done: at(10.1), Wrong: "taken"}}, "bad"},
		{"a provider that never serves again", told("echo", served, 1, 2), []fault{{Kind: freeze, Provider: "echo", Begin: at(30), Done: at(30)}}, "served nothing any more"},
	} {
		wrongs := strings.Join(judge(append([]answer{tt.answer}, later...), tt.faults), "; ")
		if (wrongs == "") != (tt.want == "") || !strings.Contains(wrongs, tt.want) {
			t.Errorf("%s: judged %q, want %q", tt.about, wrongs, tt.want)
		}
	}
}

func TestAStopMayLoseOnlyWhatCameTooLate(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		how   ending
		begin float64
		ok    bool
	}{
		{served, 9, true}, {failed, 9, false}, {none, 9, false}, {cut, 9, false},
		{served, 11, true}, {failed, 11, true}, {none, 11, true}, {cut, 11, false}, {hung, 11, false},
	} {
		if wrongs := judgeStop([]answer{told("echo", tt.how, tt.begin, 12)}, at(10)); (len(wrongs) == 0) != tt.ok {
			t.Errorf("%s of a request at %v, the end at 10: %q", tt.how, tt.begin, wrongs)
		}
	}
}

// answers of a service to the prompt "a b c", and what they are to the caller.
var answersToABC = []struct {
	about  string
	stream bool
	status int
	body   string
	want   ending
}{
	{"whole", false, 200, `{"choices":[{"message":{"content":"a b c"}}]}`, served},
	{"another's", false, 200, `{"choices":[{"message":{"content":"x"}}]}`, wrong},
	{"twice", false, 200, `{"choices":[{"message":{"content":"a b c"}}]}{"choices":[]}`, wrong},
	{"empty", false, 200, ``, wrong},
	{"an error", false, 503, `{"error":{"code":"overloaded","message":"no"}}`, failed},
	{"a whole stream", true, 200, words("a", " b", " c") + "data: [DONE]\n\n", served},
	{"a stream without an end", true, 200, words("a", " b", " c"), cut},
	{"a missing word", true, 200, words("a", " c") + "data: [DONE]\n\n", wrong},
	{"a word twice", true, 200, words("a", " b", " b", " c") + "data: [DONE]\n\n", wrong},
	{"two ends", true, 200, words("a", " b", " c") + "data: [DONE]\n\ndata: [DONE]\n\n", wrong},
	{"an error after the end", true, 200, words("a", " b", " c") + "data: [DONE]\n\ndata: {\"error\":{\"message\":\"no\"}}\n\n", wrong},
	{"an error", true, 200, words("a", " b") + `data: {"error":{"code":"x","message":"no"}}` + "\n\n", failed},
	{"an error after wrong words", true, 200, words("b") + `data: {"error":{"code":"x","message":"no"}}` + "\n\n", wrong},
	{"an error after half a word", true, 200, words("a", " ") + `data: {"error":{"code":"x","message":"no"}}` + "\n\n", wrong},
	{"no JSON", true, 200, "data: a\n\n", wrong},
}

func words(all ...string) string {
	var b strings.Builder
	for _, w := range all {
		b.WriteString(`data: {"choices":[{"delta":{"content":"` + w + `"}}]}` + "\n\n")
	}
	return b.String()
}

func TestACallerDemandsOneWholeAnswer(t *testing.T) {
	t.Parallel()
	for _, tt := range answersToABC {
		service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(tt.status)
			_, _ = w.Write([]byte(tt.body))
		}))
		a := ask(service.Client(), service.URL, question{endpoint: "e", stream: tt.stream, prompt: "a b c"})
		service.Close()
		if a.How != tt.want || a.Sent.IsZero() {
			t.Errorf("%s (stream: %v) is %q (%s), want %q", tt.about, tt.stream, a.How, a.Detail, tt.want)
		}
	}
	if a := ask(http.DefaultClient, "http://127.0.0.1:1", question{prompt: "a"}); a.How != none || !a.Sent.IsZero() {
		t.Errorf("nobody there: %+v", a)
	}
}

func TestWhatThereIsMoreOfIsNamed(t *testing.T) {
	t.Parallel()
	before := traces{Goroutines: 5, Files: 7, Plugins: 3, Folders: 3, Sockets: 4}
	now := before
	now.Files += 2
	if more := now.more(before, 2); more != "" {
		t.Errorf("files within the allowance: %q", more)
	}
	now.Files, now.Sockets = now.Files+1, 6
	if more := now.more(before, 2); more != "10 open files instead of 9, 6 sockets instead of 4" {
		t.Errorf("got %q", more)
	}
}

func TestFlagsAreChecked(t *testing.T) {
	t.Parallel()
	o, err := parse([]string{"-faults", "kill,swap", "-seed", "7"}, &strings.Builder{})
	if err != nil || join(o.kinds) != "kill,swap" || o.seed != 7 {
		t.Errorf("got %+v, %v", o, err)
	}
	for _, args := range [][]string{{"-faults", "kil"}, {"-rate", "0"}, {"-duration", "0s"}, {"more"}} {
		if _, err := parse(args, &strings.Builder{}); err == nil {
			t.Errorf("%v was accepted", args)
		}
	}
}
