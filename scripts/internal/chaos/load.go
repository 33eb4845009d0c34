//go:build linux

package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// unaryTargets and streamTargets are who is asked, in turn.
var (
	unaryTargets  = []question{{provider: echoProvider, endpoint: "echo"}, {provider: openaiProvider, endpoint: "openai"}, {provider: bystander, endpoint: "mini"}}
	streamTargets = []question{{provider: echoProvider, endpoint: "echo-slow"}, {provider: openaiProvider, endpoint: "openai"}, {provider: bystander, endpoint: "mini"}}
)

const (
	clients = 8
	// Streams have shortWords words, and one in longEvery longWords.
	shortWords, longWords, longEvery = 40, 80, 5
	// afterFailure keeps a caller from asking a dead host all the time.
	afterFailure = 20 * time.Millisecond
)

// load makes requests and keeps what became of them.
type load struct {
	base          string
	rate, streams int
	clients       []*http.Client
	number        atomic.Int64

	mu      sync.Mutex
	answers []answer
}

func newLoad(base string, rate, streams int) *load {
	l := &load{base: base, rate: rate, streams: streams}
	for range clients {
		l.clients = append(l.clients, &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1000}})
	}
	return l
}

// run makes requests until ctx ends, and returns when all have their answers.
func (l *load) run(ctx context.Context) {
	var callers sync.WaitGroup
	for range l.streams {
		callers.Go(func() {
			for ctx.Err() == nil {
				if l.stream().How != served {
					time.Sleep(afterFailure)
				}
			}
		})
	}
	begin, made := time.Now(), 0
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for ctx.Err() == nil {
		for due := int(time.Since(begin).Seconds() * float64(l.rate)); made < due; made++ {
			callers.Go(func() { l.unary() })
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
	callers.Wait()
}

// close closes the connections that clients keep.
func (l *load) close() {
	for _, c := range l.clients {
		c.CloseIdleConnections()
	}
}

func (l *load) unary() {
	n := l.number.Add(1)
	q := unaryTargets[n%int64(len(unaryTargets))]
	q.prompt = fmt.Sprintf("q%d says hello", n)
	l.put(n, q)
}

func (l *load) stream() answer {
	n := l.number.Add(1)
	q := streamTargets[n%int64(len(streamTargets))]
	q.stream = true
	count := shortWords
	if n%longEvery == 0 {
		count = longWords
	}
	words := []string{fmt.Sprintf("s%d", n)}
	for i := 1; i < count; i++ {
		words = append(words, fmt.Sprintf("w%d", i))
	}
	q.prompt = strings.Join(words, " ")
	return l.put(n, q)
}

// put asks a question through one of the clients and keeps the answer.
func (l *load) put(n int64, q question) answer {
	a := ask(l.clients[n%clients], l.base, q)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.answers = append(l.answers, a)
	return a
}

// all returns the answers so far.
func (l *load) all() []answer {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]answer(nil), l.answers...)
}
