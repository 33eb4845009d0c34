package rest

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// cutter delivers data in pieces of the given sizes, over and over.
type cutter struct {
	data  []byte
	sizes []int
	turn  int
}

func (c *cutter) Read(p []byte) (int, error) {
	if len(c.data) == 0 {
		return 0, io.EOF
	}
	n := max(c.sizes[c.turn%len(c.sizes)], 1)
	c.turn++
	n = copy(p, c.data[:min(n, len(c.data))])
	c.data = c.data[n:]
	return n, nil
}

// readEvents copies all events out of r.
func readEvents(r *EventReader) ([]Event, error) {
	var all []Event
	for {
		batch, err := r.Next()
		for _, e := range batch {
			e.Data = bytes.Clone(e.Data)
			all = append(all, e)
		}
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return all, err
		}
	}
}

func data(lines ...string) []Event {
	var events []Event
	for _, l := range lines {
		events = append(events, Event{Data: []byte(l)})
	}
	return events
}

func TestEventsAreReadHoweverTheyAreFramedAndCut(t *testing.T) {
	t.Parallel()
	cut := func(e Event) Event { e.Cut = true; return e }
	tests := map[string]struct {
		input string
		want  []Event
	}{
		"line ends LF":                          {"data: a\n\ndata: b\n\n", data("a", "b")},
		"line ends CRLF":                        {"data: a\r\n\r\ndata: b\r\n\r\n", data("a", "b")},
		"line ends lone CR":                     {"data: a\r\rdata: b\r\r", data("a", "b")},
		"line ends mixed":                       {"data: a\r\n\ndata: b\n\rdata: c\r\r\ndata: d\n\n", data("a", "b", "c", "d")},
		"CRLF is one end, not two":              {"data: a\r\ndata: b\r\n\r\n", data("a\nb")},
		"runes of two to four bytes":            {"data: äöü€😀\n\n", data("äöü€😀")},
		"no space after the colon":              {"data:a\n\n", data("a")},
		"one space is taken away, not two":      {"data:  a\n\n", data(" a")},
		"data over several lines":               {"data: a\ndata:b\ndata: \ndata\ndata: c\n\n", data("a\nb\n\n\nc")},
		"event, id and retry":                   {"event: delta\nid: 7\nretry: 1500\ndata: a\n\n", []Event{{Type: "delta", ID: "7", Retry: 1500 * time.Millisecond, Data: []byte("a")}}},
		"fields between data lines":             {"data: first line\nevent: x\nid: 1\ndata: second line\n\n", []Event{{Type: "x", ID: "1", Data: []byte("first line\nsecond line")}}},
		"type and id belong to one event alone": {"event: x\nid: 1\ndata: a\n\ndata: b\n\n", []Event{{Type: "x", ID: "1", Data: []byte("a")}, {Data: []byte("b")}}},
		"a retry that is no number":             {"retry: soon\ndata: a\n\n", data("a")},
		"an id with a zero byte":                {"id: a\x00b\ndata: a\n\n", data("a")},
		"comments":                              {": ping\n\n: OPENROUTER PROCESSING\n\ndata: a\n: inside\ndata: b\n\n:\n\n", data("a\nb")},
		"byte order mark":                       {"\xef\xbb\xbfdata: a\n\n", data("a")},
		"byte order mark only at the start":     {"data: a\n\n\xef\xbb\xbfdata: b\n\n", data("a")},
		"unknown fields":                        {"foo: bar\nfoo\ndata: a\n\n", data("a")},
		"events without data are dropped":       {"data:\n\ndata: \n\nevent: ping\n\ndata: a\n\ndata\n\n", data("a")},
		"blank lines":                           {"\n\n\r\n\rdata: a\n\n\n\n", data("a")},
		"final event without a blank line":      {"data: a\n\ndata: b\n", []Event{{Data: []byte("a")}, cut(Event{Data: []byte("b")})}},
		"final event without a line end":        {"data: a\n\ndata: [DONE]", []Event{{Data: []byte("a")}, cut(Event{Data: []byte("[DONE]")})}},
		"cut inside an event":                   {"data: {\"a\":", []Event{cut(Event{Data: []byte(`{"a":`)})}},
		"cut inside a field name":               {"data: a\n\nda", data("a")},
		"nothing at all":                        {"", nil},
		"only a part of a byte order mark":      {"\xef\xbb", nil},
		"[DONE] and more":                       {"data: a\n\ndata: [DONE]\n\ndata: b\n\n", data("a", "[DONE]", "b")},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, sizes := range [][]int{{1 << 20}, {1}, {2}, {3}, {1, 5}, {7, 1, 2}} {
				got, err := readEvents(NewEventReader(&cutter{data: []byte(tt.input), sizes: sizes}, 0))
				if err != nil || !slices.EqualFunc(got, tt.want, sameEvent) {
					t.Errorf("in pieces of %v: got %+v, %v; want %+v", sizes, got, err, tt.want)
				}
			}
		})
	}
}

func sameEvent(a, b Event) bool {
	return a.Type == b.Type && a.ID == b.ID && a.Retry == b.Retry && a.Cut == b.Cut && bytes.Equal(a.Data, b.Data)
}

func TestEventsThatArrivedTogetherComeInOneBatchAndNoneWaits(t *testing.T) {
	t.Parallel()
	in, out := io.Pipe()
	t.Cleanup(func() { _ = in.Close() })
	r := NewEventReader(in, 0)
	next := func() []string {
		t.Helper()
		batch, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		var texts []string
		for _, e := range batch {
			texts = append(texts, string(e.Data))
		}
		return texts
	}
	send := func(text string) { go func() { _, _ = io.WriteString(out, text) }() }

	// The second event is incomplete: the first must come without it.
	send("data: a\n\ndata: b")
	if got := next(); !slices.Equal(got, []string{"a"}) {
		t.Fatalf("got %q, want the first event alone", got)
	}
	// A lone CR ends the event although an LF may follow.
	send("\r\r")
	if got := next(); !slices.Equal(got, []string{"b"}) {
		t.Fatalf("got %q, want the second event at its last byte", got)
	}
	send("\ndata: c\n\ndata: d\n\n: ping\n\ndata: e\n\n")
	if got := next(); !slices.Equal(got, []string{"c", "d", "e"}) {
		t.Fatalf("got %q, want three events in one batch", got)
	}
}

func TestLargeEventsAreReadUpToTheLimit(t *testing.T) {
	t.Parallel()
	for _, size := range []int{70 << 10, 1 << 20, DefaultMaxEventBytes - len("data: \n")} {
		want := bytes.Repeat([]byte("x"), size)
		input := slices.Concat([]byte("data: "), want, []byte("\n\ndata: after\n\n"))
		got, err := readEvents(NewEventReader(&cutter{data: input, sizes: []int{16 << 10}}, 0))
		if err != nil || len(got) != 2 || !bytes.Equal(got[0].Data, want) || string(got[1].Data) != "after" {
			t.Errorf("event of %d bytes: got %d events, error %v", size, len(got), err)
		}
	}
}

func TestAnEventOverTheLimitIsAnErrorAndNotAnEnd(t *testing.T) {
	t.Parallel()
	inputs := map[string]string{
		"one long line":       "data: " + strings.Repeat("x", 200) + "\n\n",
		"many lines":          strings.Repeat("data: x\n", 40) + "\n",
		"a comment":           ":" + strings.Repeat("x", 200) + "\n\n",
		"a line without end":  strings.Repeat("x", 200),
		"after a small event": "data: ok\n\ndata: " + strings.Repeat("x", 200) + "\n\n",
	}
	for name, input := range inputs {
		for _, sizes := range [][]int{{1}, {64}, {1 << 20}} {
			_, err := readEvents(NewEventReader(&cutter{data: []byte(input), sizes: sizes}, 100))
			if !errors.Is(err, ErrTooLarge) {
				t.Errorf("%s in pieces of %v: got error %v, want %v", name, sizes, err, ErrTooLarge)
			}
		}
	}
}

func TestCommentsAreNotKept(t *testing.T) {
	t.Parallel()
	input := strings.Repeat(": keep-alive\n\n", 1000) + "data: a\n\n"
	got, err := readEvents(NewEventReader(&cutter{data: []byte(input), sizes: []int{50}}, 100))
	if err != nil || len(got) != 1 {
		t.Fatalf("got %d events, error %v; want 1", len(got), err)
	}
}

func TestEventsBeforeAReadErrorAreHandedOutFirst(t *testing.T) {
	t.Parallel()
	reset := errors.New("connection reset")
	r := NewEventReader(io.MultiReader(strings.NewReader("data: a\n\ndata: b"), iotest.ErrReader(reset)), 0)
	got, err := readEvents(r)
	if len(got) != 1 || !errors.Is(err, reset) {
		t.Fatalf("got %d events, error %v; want the whole event, then the error and no half event", len(got), err)
	}
}

func TestAReaderThatGivesNothingIsGivenUp(t *testing.T) {
	t.Parallel()
	_, err := NewEventReader(stuck{}, 0).Next()
	if !errors.Is(err, io.ErrNoProgress) {
		t.Fatalf("got %v, want %v", err, io.ErrNoProgress)
	}
}

type stuck struct{}

func (stuck) Read([]byte) (int, error) { return 0, nil }

func TestManyLoneCRsTakeLinearTime(t *testing.T) {
	t.Parallel()
	// 2 million lines in one event: searching the rest of the buffer for an LF
	// at each of them would take minutes.
	input := bytes.Repeat([]byte("data:x\r"), 2_000_000)
	began := time.Now()
	if _, err := readEvents(NewEventReader(bytes.NewReader(append(input, '\r')), 0)); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Fatalf("took %s", took)
	}
}

func TestReadingEventsDoesNotAllocate(t *testing.T) {
	r := NewEventReader(&endless{unit: []byte("event: delta\ndata: {\"choices\":[]}\n\n")}, 0)
	if _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	allocs := testing.AllocsPerRun(100, func() {
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
	})
	if allocs > 0 {
		t.Fatalf("got %v allocations a batch, want none", allocs)
	}
}

// endless delivers unit for ever, cut every 1000 bytes.
type endless struct {
	unit []byte
	at   int
}

func (e *endless) Read(p []byte) (int, error) {
	n := min(len(p), 1000)
	for i := range n {
		p[i] = e.unit[e.at]
		e.at = (e.at + 1) % len(e.unit)
	}
	return n, nil
}

func FuzzEventReader(f *testing.F) {
	f.Add("data: a\r\ndata: b\r\revent: x\n\ndata: [DONE]", uint8(3))
	f.Add("\xef\xbb\xbf: c\nid: 1\n\ndata:\n\ndata: \xf0\x9f\x98\x80\n\n", uint8(1))
	f.Add("data: a\n\ndata: b\rdata: c\n\ndata: \n\ndata: d\n\r\ndata: e\n\n\rdata:  f\n\nid: 1\ndata: g\n\ndata: h\n", uint8(255))
	f.Fuzz(func(t *testing.T, input string, size uint8) {
		got, err := readEvents(NewEventReader(&cutter{data: []byte(input), sizes: []int{int(size)}}, 0))
		if err != nil {
			t.Fatal(err)
		}
		if want := plainEvents(input); !slices.EqualFunc(got, want, sameEvent) {
			t.Fatalf("in pieces of %d: got %+v, want %+v", size, got, want)
		}
	})
}

// plainEvents reads events the slow and obvious way.
func plainEvents(input string) []Event {
	input = strings.TrimPrefix(input, "\xef\xbb\xbf")
	input = strings.ReplaceAll(strings.ReplaceAll(input, "\r\n", "\n"), "\r", "\n")
	var events []Event
	var e Event
	var lines []string
	end := func(cut bool) {
		if text := strings.Join(lines, "\n"); text != "" {
			e.Data, e.Cut = []byte(text), cut
			events = append(events, e)
		}
		e, lines = Event{}, nil
	}
	all := strings.Split(input, "\n")
	for i, line := range all {
		if line == "" {
			if i < len(all)-1 { // what follows the last line end is no line
				end(false)
			}
			continue
		}
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch name {
		case "data":
			lines = append(lines, value)
		case "event":
			e.Type = value
		case "id":
			if !strings.Contains(value, "\x00") {
				e.ID = value
			}
		case "retry":
			e.Retry = retryField([]byte(value))
		}
	}
	end(true)
	return events
}
