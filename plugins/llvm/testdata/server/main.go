// Command server runs the reference server of the LLVM inference protocol:
//
//	go run ./plugins/llvm/testdata/server -addr 127.0.0.1:8000 -key secret
package main

import (
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/backplane-dev/backplane/plugins/llvm/internal/reference"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8000", "address to listen at")
	key := flag.String("key", "", "key that requests must have; none if empty")
	flag.Parse()
	if err := serve(*addr, *key); err != nil {
		fmt.Fprintln(os.Stderr, "server:", err)
		os.Exit(1)
	}
}

func serve(addr, key string) error {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintln(os.Stdout, "listening at http://"+listener.Addr().String()) // nobody may be reading
	s := &http.Server{Handler: reference.New(key, reference.Models()), ReadHeaderTimeout: 10 * time.Second}
	return s.Serve(listener)
}
