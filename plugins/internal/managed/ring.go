package managed

import (
	"bytes"
	"strings"
	"sync"
)

// The bounds of what is kept of a server's output.
const (
	ringLines   = 2000
	longestLine = 4 << 10
)

// ring keeps the last lines that were written to it. Safe for concurrent use.
type ring struct {
	mu    sync.Mutex
	lines []string // a circle once it is full
	next  int
	part  []byte // of a line that has not ended
}

// Write implements [io.Writer] and never fails.
func (r *ring) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := len(p)
	for len(p) > 0 {
		// Progress bars end their lines with a carriage return.
		i := bytes.IndexAny(p, "\n\r")
		if i < 0 {
			r.part = append(r.part, p[:min(len(p), longestLine-len(r.part))]...)
			break
		}
		r.part = append(r.part, p[:min(i, longestLine-len(r.part))]...)
		if line := readable(r.part); line != "" {
			r.add(line)
		}
		r.part, p = r.part[:0], p[i+1:]
	}
	return n, nil
}

// add must be called with the mutex held.
func (r *ring) add(line string) {
	if len(r.lines) < ringLines {
		r.lines = append(r.lines, line)
		return
	}
	r.lines[r.next] = line
	r.next = (r.next + 1) % ringLines
}

// tail returns the last n lines, the oldest first, with a line that has not
// ended yet.
func (r *ring) tail(n int) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := append(append([]string{}, r.lines[r.next:]...), r.lines[:r.next]...)
	if line := readable(r.part); line != "" {
		all = append(all, line)
	}
	return all[max(0, len(all)-n):]
}

// readable is a line without what a terminal would make of it.
func readable(line []byte) string {
	var b strings.Builder
	for i := 0; i < len(line); i++ {
		if line[i] == 0x1b && i+1 < len(line) && line[i+1] == '[' {
			for i += 2; i < len(line) && (line[i] < '@' || line[i] > '~'); i++ {
				continue // the colour or movement that follows the escape
			}
			continue
		}
		if line[i] >= ' ' || line[i] == '\t' {
			b.WriteByte(line[i])
		}
	}
	return strings.TrimRight(strings.ToValidUTF8(b.String(), "\uFFFD"), " \t")
}
