package main

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"sync"

	"github.com/valyala/fasthttp"
)

// runRole serves one of the helper processes if the program was started as one.
// Each prints its address and serves until it is killed.
func runRole(name string, args []string) bool {
	var serve func(net.Listener) error
	switch name {
	case "role-upstream":
		serve = (&http.Server{Handler: http.HandlerFunc(fakeUpstream)}).Serve
	case "role-store":
		serve = (&http.Server{Handler: http.HandlerFunc(fakeStore)}).Serve
	case "role-reverseproxy":
		serve = (&http.Server{Handler: reverseProxy(args[0])}).Serve
	case "role-fasthttp":
		serve = fastServer(args[0]).Serve
	default:
		return false
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	fmt.Println(l.Addr())
	if err := serve(l); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	return true
}

// reverseProxy is the standard library's proxy at its best: with a pool of
// connections that is large enough, since its default of two makes it twice as
// slow; with a pool of buffers, since it makes one of 32 KiB for each answer else,
// which doubles what a small one costs; without asking for compressed answers; and
// with the request's body read before the upstream is called, since it cuts answers
// off that begin before the body was sent.
func reverseProxy(upstream string) http.Handler {
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: upstream})
	proxy.FlushInterval = -1
	proxy.BufferPool = &buffers{}
	proxy.Transport = &http.Transport{MaxIdleConns: 0, MaxIdleConnsPerHost: 65536, DisableCompression: true}
	proxy.ErrorLog = log.New(io.Discard, "", 0) // clients that leave when a case ends
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := make([]byte, max(r.ContentLength, 0)) // which our requests always say
		if _, err := io.ReadFull(r.Body, body); err != nil {
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		proxy.ServeHTTP(w, r)
	})
}

// buffers is the proxy's pool of buffers.
type buffers struct{ pool sync.Pool }

// Get implements [httputil.BufferPool].
func (b *buffers) Get() []byte {
	if kept, ok := b.pool.Get().(*[32 << 10]byte); ok {
		return kept[:]
	}
	return make([]byte, 32<<10)
}

// Put implements [httputil.BufferPool].
func (b *buffers) Put(p []byte) { b.pool.Put((*[32 << 10]byte)(p)) }

// fastServer takes bodies as large as those that are sent.
func fastServer(upstream string) *fasthttp.Server {
	return &fasthttp.Server{Handler: fastProxy(upstream), MaxRequestBodySize: 64 << 20, Logger: log.New(io.Discard, "", 0)}
}

// fastProxy is the cheapest proxy we know how to write in one process. It
// streams the answer, copying what one read gave.
func fastProxy(upstream string) fasthttp.RequestHandler {
	client := &fasthttp.HostClient{Addr: upstream, MaxConns: 65536, StreamResponseBody: true}
	return func(ctx *fasthttp.RequestCtx) {
		request := &ctx.Request
		request.Header.SetHost(upstream)
		if err := client.Do(request, &ctx.Response); err != nil {
			ctx.Error(err.Error(), http.StatusBadGateway)
		}
	}
}
