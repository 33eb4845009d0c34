package http1

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

const (
	// MaxHeader bounds the header of an answer, interim answers included: 256 KiB.
	MaxHeader = 256 << 10
	// maxExcerpt bounds what an error shows of a line.
	maxExcerpt = 200
)

// kind is how the end of a body is found.
type kind uint8

const (
	empty kind = iota
	counted
	chunked
	untilClose
)

// head is what the header of an answer says.
type head struct {
	status int
	header http.Header
	kind   kind
	length int64 // -1 if not known
	close  bool  // the connection ends with the answer
}

// headSize returns the length of the header at the beginning of b, with its
// blank line, or 0 if it is not complete. The first from bytes were searched
// before.
func headSize(b []byte, from int) int {
	for i := max(from-3, 0); i < len(b); {
		lf := bytes.IndexByte(b[i:], '\n')
		if lf < 0 {
			return 0
		}
		i += lf + 1
		switch rest := b[i:]; {
		case len(rest) > 0 && rest[0] == '\n':
			return i + 1
		case len(rest) > 1 && rest[0] == '\r' && rest[1] == '\n':
			return i + 2
		}
	}
	return 0
}

// parseHead reads a whole header, which it changes. noBody is set for the answer
// to a HEAD request.
func parseHead(block []byte, noBody bool) (head, error) {
	lf := bytes.IndexByte(block, '\n')
	status, minor, err := parseStatus(bytes.TrimSuffix(block[:lf], []byte("\r")))
	if err != nil {
		return head{}, err
	}
	h := head{status: status, length: -1}
	if h.header, err = parseFields(block[lf+1:]); err != nil {
		return head{}, err
	}
	return h, h.frame(minor, noBody)
}

// parseStatus reads a status line. HTTP/1 is understood and nothing else.
func parseStatus(line []byte) (status, minor int, err error) {
	const proto = "HTTP/1."
	malformed := func() (int, int, error) {
		return 0, 0, fmt.Errorf("malformed HTTP response %q", line[:min(len(line), maxExcerpt)])
	}
	if len(line) < len(proto)+5 || string(line[:len(proto)]) != proto {
		return malformed()
	}
	minor = int(line[len(proto)]) - '0'
	rest := line[len(proto)+1:]
	if minor < 0 || minor > 9 || rest[0] != ' ' {
		return malformed()
	}
	rest = bytes.TrimLeft(rest, " ")
	if len(rest) < 3 || len(rest) > 3 && rest[3] != ' ' {
		return malformed()
	}
	for _, c := range rest[:3] {
		if c < '0' || c > '9' {
			return malformed()
		}
		status = 10*status + int(c-'0')
	}
	if status < 100 {
		return malformed()
	}
	return status, minor, nil
}

// frame finds out how the body ends (RFC 9112, section 6.3). Where the fields
// disagree, one end would be mistaken about where the next answer begins.
func (h *head) frame(minor int, noBody bool) error {
	h.close = closes(h.header, minor)
	length, err := contentLength(h.header)
	if err != nil {
		return err
	}
	isChunked, err := transferEncoding(h.header, minor)
	if err != nil {
		return err
	}
	h.length = length
	switch {
	case isChunked && length >= 0:
		return errors.New("the answer has both a Content-Length and a Transfer-Encoding")
	case noBody: // the length is that of the answer to a GET
		h.kind = empty
	case h.status < 200, h.status == http.StatusNoContent, h.status == http.StatusNotModified:
		h.kind, h.length = empty, 0
	case isChunked:
		h.kind = chunked
	case length >= 0:
		h.kind = counted
	default:
		h.kind, h.close = untilClose, true
	}
	if h.status == http.StatusSwitchingProtocols {
		h.close = true
	}
	return nil
}

// contentLength returns the length of the body, -1 if the header has none.
func contentLength(header http.Header) (int64, error) {
	values := header["Content-Length"]
	if len(values) == 0 {
		return -1, nil
	}
	for _, other := range values[1:] {
		if other != values[0] {
			return 0, fmt.Errorf("the answer has several values of Content-Length: %.200q", values)
		}
	}
	header["Content-Length"] = values[:1]
	n, err := strconv.ParseUint(values[0], 10, 63)
	if err != nil {
		return 0, fmt.Errorf("bad Content-Length %.200q", values[0])
	}
	return int64(n), nil
}

// transferEncoding reports whether the body is chunked. No other coding is
// understood, and none was asked for. What speaks of the connection and not of
// the answer is taken out of the header.
func transferEncoding(header http.Header, minor int) (bool, error) {
	values, ok := header["Transfer-Encoding"]
	if !ok {
		return false, nil
	}
	if minor == 0 || len(values) != 1 || !strings.EqualFold(values[0], "chunked") {
		return false, fmt.Errorf("unsupported transfer encoding %.200q", values)
	}
	delete(header, "Transfer-Encoding")
	for _, names := range header["Trailer"] {
		for name := range strings.SplitSeq(names, ",") {
			switch http.CanonicalHeaderKey(strings.TrimSpace(name)) {
			case "Transfer-Encoding", "Trailer", "Content-Length":
				return false, fmt.Errorf("bad trailer key %.200q", name)
			}
		}
	}
	delete(header, "Trailer")
	return true, nil
}

// closes reports whether the service closes the connection after its answer.
func closes(header http.Header, minor int) bool {
	connection := header["Connection"]
	if len(connection) == 0 {
		return minor == 0
	}
	hasClose := hasToken(connection, "close")
	if minor == 0 {
		return hasClose || !hasToken(connection, "keep-alive")
	}
	if hasClose {
		delete(header, "Connection")
	}
	return hasClose
}

func hasToken(values []string, token string) bool {
	for _, value := range values {
		for word := range strings.SplitSeq(value, ",") {
			if strings.EqualFold(strings.Trim(word, " \t"), token) {
				return true
			}
		}
	}
	return false
}

// errHeaderTooLarge is the error of a header over [MaxHeader].
var errHeaderTooLarge = fmt.Errorf("server response headers exceeded %d bytes; aborted", MaxHeader)

// readHead reads the header of the answer, and skips the interim ones (1xx).
func (x *Exchange) readHead(noBody bool) (head, error) {
	used := 0
	for {
		size, err := x.awaitHead(MaxHeader - used)
		if err != nil {
			return head{}, err
		}
		used += size
		h, err := parseHead(x.in.take(size), noBody)
		if err != nil {
			return head{}, err
		}
		if h.status >= 200 || h.status == http.StatusSwitchingProtocols {
			return h, nil
		}
	}
}

// awaitHead reads until a whole header stands at the beginning of the input.
func (x *Exchange) awaitHead(limit int) (int, error) {
	for searched := 0; ; {
		waiting := x.in.data()
		if size := headSize(waiting, searched); size > limit || size == 0 && len(waiting) >= limit {
			return 0, errHeaderTooLarge
		} else if size > 0 {
			return size, nil
		}
		searched = len(waiting)
		n, err := x.conn.readUntil(x.in.space(limit), x.answerBound)
		x.in.end += n
		if n > 0 {
			continue
		}
		if errors.Is(err, io.EOF) && searched > 0 {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return 0, err
		}
	}
}
