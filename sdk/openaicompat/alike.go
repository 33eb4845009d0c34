package openaicompat

import "github.com/backplane-dev/backplane/sdk/openaicompat/internal/jsonscan"

// variable are the members whose values differ between the chunks of a stream that
// have nothing to report. None of them is looked up.
var variable = map[string]struct{}{
	"content":           {},
	"reasoning_content": {},
	"reasoning":         {},
	"refusal":           {},
	"arguments":         {},
	"text":              {},
	"delta":             {},
	"obfuscation":       {},
	"sequence_number":   {},
}

// maxInVain is how many chunks in a row that are not alike it takes to see that
// those of a stream never are.
const maxInVain = 16

// alike recognises the chunks that are like one before but for their words, and so
// report what that one did: nothing that the stream does not know yet.
type alike struct {
	shape  jsonscan.Shape
	named  bool  // the chunks say their type themselves
	inVain uint8 // chunks that were learned since one was recognised
}

// knows reports whether the chunk is like one before. typed is true if it came
// with the name of an event, which counts where the chunk does not say its type.
func (a *alike) knows(data []byte, typed bool) bool {
	if typed && !a.named || !a.shape.Fits(data) {
		return false
	}
	a.inVain = 0
	return true
}

// learn remembers a chunk that has just been taken with its facts, if there is
// nothing to do for another like it but to pass it on.
func (a *alike) learn(data []byte, f *facts) {
	if a.inVain == maxInVain || !f.dull() {
		return
	}
	a.inVain++
	a.named = f.kind != nil
	a.shape.Learn(data, variable)
}

// dull reports whether taking a second chunk with these facts changes nothing.
// Names that the stream takes from its first chunk do not change it.
func (f *facts) dull() bool {
	return f.finish == "" && !f.used && !f.failed && f.inner == nil && !isEnd(f.kind) && !isFailure(f.kind)
}
