package front

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
)

// pieceWriter is what handlers know of WritePiece.
type pieceWriter interface {
	WritePiece(p []byte, room int) error
}

// TestPiecesArriveWholeAndInOrder mixes all ways of writing, in pieces of all sizes,
// with room for their frame and without.
func TestPiecesArriveWholeAndInOrder(t *testing.T) {
	t.Parallel()
	for seed := range uint64(40) {
		wanted := make(chan []byte, 1)
		_, addr := start(t, config(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var want []byte
			defer func() { wanted <- want }()
			rnd := rand.New(rand.NewPCG(seed, uint64(len(r.URL.Path))))
			if seed%5 == 4 {
				w.Header().Set("Content-Length", "1000000") // not chunked, and cut short
			}
			for range rnd.IntN(12) {
				data := make([]byte, rnd.IntN(1<<rnd.IntN(18)))
				for i := range data {
					data[i] = byte('a' + rnd.IntN(26))
				}
				want = append(want, data...)
				room, behind := rnd.IntN(3)*10, rnd.IntN(4)
				p := append(make([]byte, room, room+len(data)+behind), data...)
				var err error
				switch rnd.IntN(4) {
				case 0:
					_, err = w.Write(data)
				case 1:
					w.(http.Flusher).Flush()
					fallthrough
				default:
					err = w.(pieceWriter).WritePiece(p, room)
				}
				if err != nil {
					t.Error(err)
				}
			}
		})))
		c := dial(t, addr)
		in := bufio.NewReader(c)
		for _, path := range []string{"/a", "/ab"} {
			if _, err := io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			resp, err := http.ReadResponse(in, nil)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(resp.Body)
			want := <-wanted
			if short := resp.ContentLength == 1_000_000; (err != nil) != short || !bytes.Equal(got, want) {
				t.Fatalf("seed %d: %d bytes with %v, want %d, the same: %v", seed, len(got), err, len(want), bytes.Equal(got, want))
			} else if short {
				break
			}
		}
	}
}

// A piece is one chunk, and goes out at once.
func TestAPieceIsOneChunk(t *testing.T) {
	t.Parallel()
	read := make(chan struct{})
	_, addr := start(t, config(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for _, n := range []int{3, 100_000} {
			p := append(make([]byte, 16, 16+n+2), strings.Repeat("x", n)...)
			if err := w.(pieceWriter).WritePiece(p, 16); err != nil {
				t.Error(err)
			}
			<-read
		}
		if err := w.(pieceWriter).WritePiece(make([]byte, 16, 32), 16); err != nil { // nothing, which would be the end
			t.Error(err)
		}
	})))
	c := dial(t, addr)
	send(t, c, request("GET", "\r\n"))
	in := bufio.NewReader(c)
	for line := ""; line != "\r\n"; {
		var err error
		if line, err = in.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{"3\r\nxxx\r\n", "186a0\r\n" + strings.Repeat("x", 100_000) + "\r\n"} {
		got := make([]byte, len(want))
		if _, err := io.ReadFull(in, got); err != nil || string(got) != want {
			t.Fatalf("got %.20q with %v", got, err)
		}
		read <- struct{}{}
	}
	end := make([]byte, 5)
	if _, err := io.ReadFull(in, end); err != nil || string(end) != "0\r\n\r\n" {
		t.Errorf("the end is %q with %v", end, err)
	}
}

// Who writes after the handler has returned is told so.
func TestAPieceAfterTheEndIsRefused(t *testing.T) {
	t.Parallel()
	kept := make(chan pieceWriter, 1)
	_, addr := start(t, config(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if err := w.(pieceWriter).WritePiece(append(make([]byte, 16, 32), "hello"...), 16); err != nil {
			t.Error(err)
		}
		kept <- w.(pieceWriter)
	})))
	c := dial(t, addr)
	send(t, c, request("GET", "Connection: close\r\n\r\n"))
	resp, body := receive(t, bufio.NewReader(c))
	if resp.StatusCode != http.StatusOK || body != "hello" {
		t.Errorf("got %d %q", resp.StatusCode, body)
	}
	closes(t, c)
	if err := (<-kept).WritePiece(append(make([]byte, 16, 32), "late"...), 16); !errors.Is(err, errOver) {
		t.Errorf("got %v", err)
	}
}
