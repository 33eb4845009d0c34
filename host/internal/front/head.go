package front

import (
	"bytes"
	"net/http"
	"net/url"
)

// maxFields is how many fields a head may have here. Clients send 5 to 25.
const maxFields = 64

// head is a request's head that is plain in every respect.
type head struct {
	method, target, host string
	url                  url.URL
	header               http.Header
	length               int64 // of the body
	close                bool  // the client wants the connection to end
}

// span is a place in a head.
type span struct{ start, end int }

func (s span) of(b []byte) []byte      { return b[s.start:s.end] }
func (s span) from(text string) string { return text[s.start:s.end] }

// layout is where the parts of a head are.
type layout struct {
	method, target, host span
	fields               [maxFields]struct{ name, value span }
	count                int
	length               int64
	close, hasHost       bool
	hasLength, hasClose  bool
}

// parseHead reads the head at the beginning of b into h and returns its size, or
// 0 if it is for net/http: because it is incomplete, because it asks for
// something that is not done here, or because anything about it is doubtful.
// Names are put into canonical form within b if the head was taken.
func parseHead(b []byte, h *head) int {
	end := bytes.Index(b, []byte("\r\n\r\n"))
	if end < 0 {
		return 0
	}
	size := end + 4
	var l layout
	if !l.scan(b[:end+2]) || !l.resolve(b, h) {
		return 0
	}
	l.build(b[:size], h)
	return size
}

// scan finds the parts of a head, whose lines all end in CRLF, and refuses what
// is not plain.
func (l *layout) scan(b []byte) bool {
	at := bytes.IndexByte(b, '\n') + 1
	if !l.requestLine(b[:at]) {
		return false
	}
	for at < len(b) {
		next := at + bytes.IndexByte(b[at:], '\n') + 1
		if !l.field(b, at, next) {
			return false
		}
		at = next
	}
	return l.hasHost
}

// requestLine takes a line like "POST /path HTTP/1.1\r\n".
func (l *layout) requestLine(line []byte) bool {
	const protocol = " HTTP/1.1\r\n"
	method := bytes.IndexByte(line, ' ')
	if method < 0 || !bytes.HasSuffix(line, []byte(protocol)) || !plainMethods[string(line[:method])] {
		return false
	}
	l.method, l.target = span{0, method}, span{method + 1, len(line) - len(protocol)}
	target := l.target
	if target.end <= target.start || line[target.start] != '/' {
		return false
	}
	for _, c := range line[target.start:target.end] {
		if c <= ' ' || c >= 0x7f {
			return false
		}
	}
	return true
}

// plainMethods are those whose requests need nothing but an answer.
var plainMethods = map[string]bool{
	http.MethodGet: true, http.MethodHead: true, http.MethodPost: true, http.MethodPut: true,
	http.MethodPatch: true, http.MethodDelete: true, http.MethodOptions: true,
}

// field takes the line of b from at to next, which ends in LF.
func (l *layout) field(b []byte, at, next int) bool {
	end := next - 2
	if l.count == maxFields || end < at || b[end] != '\r' {
		return false
	}
	name := at
	for name < end && charClasses[b[name]]&inToken != 0 {
		name++
	}
	if name == at || b[name] != ':' {
		return false
	}
	value := span{name + 1, end}
	for _, c := range value.of(b) {
		if charClasses[c]&inValue == 0 {
			return false
		}
	}
	for value.start < value.end && isBlank(b[value.start]) {
		value.start++
	}
	for value.start < value.end && isBlank(b[value.end-1]) {
		value.end--
	}
	f := &l.fields[l.count]
	f.name, f.value = span{at, name}, value
	l.count++
	return l.special(f.name.of(b), value, value.of(b))
}

// special looks at fields that mean something to a server, and refuses those
// that ask for more than a plain exchange, or come twice.
func (l *layout) special(name []byte, at span, value []byte) bool {
	switch len(name) {
	case len("host"):
		if !isName(name, "host") {
			return true
		}
		l.host = at
		return once(&l.hasHost) && plainHost(value)
	case len("expect"):
		return !isName(name, "expect") && !isName(name, "pragma")
	case len("upgrade"):
		return !isName(name, "upgrade") && !isName(name, "trailer")
	case len("connection"):
		if !isName(name, "connection") {
			return true
		}
		l.close = isName(value, "close")
		return once(&l.hasClose) && (l.close || isName(value, "keep-alive"))
	case len("content-length"):
		if !isName(name, "content-length") {
			return true
		}
		return once(&l.hasLength) && l.number(value)
	case len("transfer-encoding"):
		return !isName(name, "transfer-encoding")
	}
	return true
}

// once sets seen and reports whether it was not set before.
func once(seen *bool) bool {
	first := !*seen
	*seen = true
	return first
}

// number takes the value of Content-Length: digits, far from any overflow.
func (l *layout) number(value []byte) bool {
	if len(value) == 0 || len(value) > 15 {
		return false
	}
	for _, c := range value {
		if c < '0' || c > '9' {
			return false
		}
		l.length = l.length*10 + int64(c-'0')
	}
	return true
}

// plainHost reports whether a host is a name or an address, with a port or not.
func plainHost(value []byte) bool {
	for _, c := range value {
		if charClasses[c]&inHost == 0 {
			return false
		}
	}
	return len(value) > 0
}

// isName compares with a lower-case word as names of fields are compared.
func isName(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

// resolve makes the URL of the target, as it is the last thing that can be
// refused.
func (l *layout) resolve(b []byte, h *head) bool {
	for _, c := range l.target.of(b) {
		if charClasses[c]&inPath == 0 {
			u, err := url.ParseRequestURI(string(l.target.of(b)))
			if err != nil {
				return false
			}
			h.url = *u
			return true
		}
	}
	h.url = url.URL{} // its path follows with the text
	return true
}

// build fills h from a head that was found plain. All its strings share one
// piece of memory.
func (l *layout) build(b []byte, h *head) {
	for _, f := range l.fields[:l.count] {
		canonical(f.name.of(b))
	}
	text := string(b)
	h.method, h.target, h.host = l.method.from(text), l.target.from(text), l.host.from(text)
	h.length, h.close = l.length, l.close
	if h.url.Path == "" {
		h.url.Path = h.target
	}
	h.header = make(http.Header, l.count)
	values := make([]string, 0, l.count)
	for _, f := range l.fields[:l.count] {
		if f.value == l.host {
			continue // a request has it apart
		}
		name, value := f.name.from(text), f.value.from(text)
		if old, ok := h.header[name]; ok {
			h.header[name] = append(old, value)
			continue
		}
		values = append(values, value)
		h.header[name] = values[len(values)-1 : len(values) : len(values)]
	}
}

// canonical puts a name into the form that [http.CanonicalHeaderKey] gives.
func canonical(name []byte) {
	upper := true
	for i, c := range name {
		if upper && 'a' <= c && c <= 'z' {
			name[i] = c - ('a' - 'A')
		} else if !upper && 'A' <= c && c <= 'Z' {
			name[i] = c + ('a' - 'A')
		}
		upper = c == '-'
	}
}

// What a character may be part of.
const (
	inToken byte = 1 << iota
	inValue
	inHost
	inPath
)

// charClasses says it for each.
var charClasses = classes()

func classes() (all [256]byte) {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	for class, chars := range map[byte]string{
		inToken: letters + "!#$%&'*+-.^_`|~", // RFC 9110, section 5.6.2
		inHost:  letters + "-._:[]",
		inPath:  letters + "/-._~",
	} {
		for i := range len(chars) {
			all[chars[i]] |= class
		}
	}
	for c := ' '; c < 0x7f; c++ {
		all[c] |= inValue
	}
	all['\t'] |= inValue
	return all
}
