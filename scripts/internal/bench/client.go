package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// client is one connection of the load generator: an HTTP/1.1 client that knows
// just what the targets answer.
type client struct {
	conn net.Conn
	r    *bufio.Reader
	buf  []byte
}

func dial(addr string, buffer int) (*client, error) {
	conn, err := net.DialTimeout("tcp", addr, 10*time.Second)
	if err != nil {
		return nil, err
	}
	return &client{conn: conn, r: bufio.NewReaderSize(conn, buffer), buf: make([]byte, buffer)}, nil
}

// requestBytes makes a chat request whose body has about size bytes. user, unless
// it is empty, is passed to the upstream as the field of that name.
func requestBytes(addr, model string, stream bool, size int, user string) []byte {
	body := `{"model":"` + model + `",`
	if stream {
		body += `"stream":true,`
	}
	if user != "" {
		body += `"user":"` + user + `",`
	}
	body += `"temperature":0.7,"messages":[{"role":"system","content":"You are a helpful assistant."},{"role":"user","content":"`
	tail := `"}]}`
	body += strings.Repeat("Say something short. ", max(1, (size-len(body)-len(tail))/21)) + tail
	return fmt.Appendf(nil, "POST /v1/chat/completions HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\n"+
		"Authorization: Bearer sk-bench\r\nContent-Length: %d\r\n\r\n%s", addr, len(body), body)
}

// do sends one request, reads the whole answer and returns when its first body
// byte came. onBody is shown the body as it arrives.
func (c *client) do(request []byte, onBody func([]byte)) (first time.Time, err error) {
	length, chunked, err := c.begin(request)
	if err != nil {
		return first, err
	}
	see := func(part []byte) {
		if first.IsZero() {
			first = time.Now()
		}
		onBody(part)
	}
	if !chunked {
		return first, c.take(length, see)
	}
	for {
		n, err := c.takeChunk(see)
		if err != nil || n == 0 {
			return first, err
		}
	}
}

// takeChunk reads one chunk of a chunked answer. The last one has no bytes.
func (c *client) takeChunk(see func([]byte)) (n int64, err error) {
	line, err := c.r.ReadSlice('\n')
	if err != nil {
		return 0, err
	}
	if n, err = strconv.ParseInt(string(bytes.TrimSpace(line)), 16, 64); err != nil {
		return 0, err
	}
	if err := c.take(n, see); err != nil {
		return 0, err
	}
	_, err = c.r.Discard(len("\r\n"))
	return n, err
}

func (c *client) take(n int64, see func([]byte)) error {
	for n > 0 {
		part := c.buf[:min(n, int64(len(c.buf)))]
		if _, err := io.ReadFull(c.r, part); err != nil {
			return err
		}
		see(part)
		n -= int64(len(part))
	}
	return nil
}

// begin sends the request and reads status and headers.
func (c *client) begin(request []byte) (length int64, chunked bool, err error) {
	if _, err := c.conn.Write(request); err != nil {
		return 0, false, err
	}
	line, err := c.r.ReadSlice('\n')
	if err != nil {
		return 0, false, err
	}
	if !bytes.HasPrefix(line, []byte("HTTP/1.1 200")) {
		return 0, false, fmt.Errorf("answer %q", bytes.TrimSpace(line))
	}
	for {
		line, err := c.r.ReadSlice('\n')
		if err != nil {
			return 0, false, err
		}
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			return length, chunked, nil
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		switch {
		case bytes.EqualFold(name, []byte("content-length")):
			length, err = strconv.ParseInt(string(bytes.TrimSpace(value)), 10, 64)
			if err != nil {
				return 0, false, err
			}
		case bytes.EqualFold(name, []byte("transfer-encoding")):
			chunked = true
		}
	}
}
