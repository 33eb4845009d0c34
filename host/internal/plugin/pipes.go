package plugin

import "os"

// pipes are the connections between the host and one child process. Standard
// input is not among them: it is the null device.
type pipes struct {
	stdoutR, stdoutW     *os.File
	stderrR, stderrW     *os.File
	lifelineR, lifelineW *os.File // nil where there is no lifeline
}

func openPipes() (*pipes, error) {
	p := &pipes{}
	var err error
	if p.stdoutR, p.stdoutW, err = os.Pipe(); err == nil {
		if p.stderrR, p.stderrW, err = os.Pipe(); err == nil {
			err = p.openLifeline()
		}
	}
	if err != nil {
		p.closeChildEnds()
		p.closeHostEnds()
		return nil, err
	}
	return p, nil
}

// closeChildEnds closes what the child has its own copies of.
func (p *pipes) closeChildEnds() { closeFiles(p.stdoutW, p.stderrW, p.lifelineR) }

// closeReaders ends the reading, whoever still holds the other ends.
func (p *pipes) closeReaders() { closeFiles(p.stdoutR, p.stderrR) }

func (p *pipes) closeHostEnds() { closeFiles(p.stdoutR, p.stderrR, p.lifelineW) }

// closeFiles closes files that may be nil or closed already.
func closeFiles(files ...*os.File) {
	for _, f := range files {
		if f != nil {
			_ = f.Close() // pipes hold nothing that could be lost
		}
	}
}
