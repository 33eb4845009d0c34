package plugin

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"sync"
)

// maxNoise is how many lines a plugin may print before its handshake line.
const maxNoise = 50

// handshakeLine is what go-plugin's first line looks like.
var handshakeLine = regexp.MustCompile(`^\d+\|\d+\|(unix|tcp)\|`)

// stdout reads a process's standard output: it hands the handshake line to
// go-plugin, reports everything else as noise, and never stops reading, so that
// a plugin which prints does not block.
type stdout struct {
	handshake *io.PipeReader
	line      *io.PipeWriter
	log       *processLog

	mu    sync.Mutex
	shook bool
	noise int
	first string // the first line of noise
}

func newStdout(log *processLog) *stdout {
	r, w := io.Pipe()
	return &stdout{handshake: r, line: w, log: log}
}

// read consumes f to its end. It does not end the wait for a handshake: that
// ends with the process, whose exit says more than the end of its output.
func (s *stdout) read(f *os.File) {
	lines := &lines{emit: s.take}
	_, _ = io.Copy(lines, f)
	lines.flush()
}

// close ends the wait for a handshake.
func (s *stdout) close() { _ = s.line.Close() }

// take handles one line of output.
func (s *stdout) take(line []byte, cut bool) {
	if s.isHandshake(line, cut) {
		_, _ = s.line.Write(append(line, '\n')) // fails only if nobody waits any more
		s.close()
		return
	}
	switch s.countNoise(line) {
	case 1:
		s.log.log.Warn("plugin prints on standard output, which belongs to the handshake; print on standard error instead", "line", printable(string(line), 200))
	case maxNoise:
		s.mu.Lock()
		shook := s.shook
		s.mu.Unlock()
		if !shook {
			s.close() // it will not come to the point
		}
	}
}

func (s *stdout) isHandshake(line []byte, cut bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shook || cut || s.noise >= maxNoise || !handshakeLine.Match(line) {
		return false
	}
	s.shook = true
	return true
}

func (s *stdout) countNoise(line []byte) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.noise == 0 {
		s.first = printable(string(line), 200)
	}
	s.noise++
	return s.noise
}

// explain says what was printed instead of a handshake, "" if nothing was.
func (s *stdout) explain() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shook || s.noise == 0 {
		return ""
	}
	return fmt.Sprintf("it printed %q on standard output instead of a handshake", s.first)
}
