package front

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"testing"
)

// fieldSetter is what handlers know of SetField.
type fieldSetter interface{ SetField(canonical, value string) }

// TestFieldsAndHeaderAreOne has a handler set fields in either way, turn about. The
// answer is that of a handler of net/http's that has the one way only.
func TestFieldsAndHeaderAreOne(t *testing.T) {
	t.Parallel()
	names := []string{"Content-Type", "Content-Length", "X-A", "X-B", "X-C", "X-D", "X-E", "X-F", "X-G", "X-H", "X-I", "Date", "Connection", "Not a name"}
	values := map[string][]string{"Content-Length": {"5"}, "Connection": {"close", "keep-alive"}, "Date": {"then"}}
	for seed := range uint64(60) {
		handler := func(w http.ResponseWriter, _ *http.Request) {
			rnd := rand.New(rand.NewPCG(seed, 1))
			onlyFields := seed%3 == 0
			if fields, ok := w.(fieldSetter); seed%7 == 0 { // more than are kept in a row
				for i := range 2 * 64 {
					name := fmt.Sprint("X-Many-", i%100)
					if ok {
						fields.SetField(name, fmt.Sprint(i))
					} else {
						w.Header()[name] = []string{fmt.Sprint(i)}
					}
				}
			}
			for range rnd.IntN(14) {
				name, plain := names[rnd.IntN(len(names))], rnd.IntN(8) > 0 || onlyFields
				choice := values[name]
				if choice == nil {
					choice = []string{"one", " two ", "three\r\nX-Other: 3", ""}
				}
				value := choice[rnd.IntN(len(choice))]
				fields, ok := w.(fieldSetter)
				switch {
				case plain && ok:
					fields.SetField(name, value)
				case plain:
					w.Header()[name] = []string{value}
				case rnd.IntN(2) == 0:
					w.Header().Add(name, value)
				default:
					w.Header().Del(name)
				}
			}
			if _, err := w.Write([]byte("hello")); err != nil {
				t.Error(err)
			}
			if fields, ok := w.(fieldSetter); ok {
				fields.SetField("X-Late", "too late")
			}
		}
		_, addr := start(t, config(http.HandlerFunc(handler)))
		standard := startStandard(t, config(http.HandlerFunc(handler)))
		requests := []string{request("GET", "Connection: close\r\n\r\n")}
		if got, want := answers(t, addr, requests), answers(t, standard, requests); got[0] != want[0] {
			t.Errorf("seed %d:\n got %s\nwant %s", seed, got[0], want[0])
		}
	}
}
