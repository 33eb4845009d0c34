//go:build !unix

package plugin

import "os"

// openLifeline does nothing: descriptors cannot be inherited by number here.
func (p *pipes) openLifeline() error { return nil }

func (p *pipes) inherited() []*os.File { return nil }

func (p *pipes) env() []string { return nil }
