package openaicompat

import (
	"bytes"
	"net/http"
	"slices"
	"sync"

	"github.com/backplane-dev/backplane/sdk/openaicompat/internal/jsonscan"
	"github.com/backplane-dev/backplane/sdk/provider"
)

var (
	jsonTrue   = []byte("true")
	askedUsage = []byte(`{"include_usage":true}`)
	withUsage  = []jsonscan.Change{{Key: "include_usage", Value: jsonTrue}}
)

// edit collects the changes to one request's JSON body. It is used by one
// goroutine.
type edit struct {
	changes []jsonscan.Change
	// wantsUsage: the caller asked for usage in the stream.
	wantsUsage bool

	space        [12]jsonscan.Change
	text         []byte              // the values that the edit itself makes
	includeUsage func([]byte) []byte // askForUsage, bound once

	// header is memory for the request's header. It is lent only where the answer
	// is over before the edit is released: errors in it are cleaned of the
	// header's secrets.
	header http.Header
	lends  bool
}

// edits keeps edits for the next requests: one is larger than all else that a
// call needs here.
var edits = sync.Pool{New: func() any {
	ed := &edit{header: http.Header{}}
	ed.includeUsage = ed.askForUsage
	return ed
}}

// maxKeptText bounds the memory of an edit that is kept.
const maxKeptText = 1 << 10

// release gives the edit back once it was applied; it must not be used any more.
func (ed *edit) release() {
	clear(ed.space[:]) // what it points to is the request's
	clear(ed.header)
	ed.changes, ed.wantsUsage, ed.lends = nil, false, false
	if ed.text = ed.text[:0]; cap(ed.text) > maxKeptText {
		ed.text = nil
	}
	edits.Put(ed)
}

// lent returns the memory for the request's header, nil if it is not lent.
func (ed *edit) lent() http.Header {
	if ed.lends {
		return ed.header
	}
	return nil
}

// newEdit makes the changes that every request of an operation needs. Whoever
// does not release it leaves it to the garbage collector.
func (e *endpoint) newEdit(op *Operation, req *provider.Request) *edit {
	ed := edits.Get().(*edit)
	ed.changes = ed.space[:0]
	for from, to := range op.Rename {
		ed.add(jsonscan.Change{Key: from, Name: to, Remove: to == ""})
	}
	if op.NoModel {
		return ed
	}
	switch model := e.chooseModel(op); {
	case req.Model != "":
		ed.add(jsonscan.Change{Key: "model", Value: ed.quoted(req.Model)})
	case model != "":
		ed.add(jsonscan.Change{Key: "model", Value: ed.quoted(model), Default: true})
	}
	for _, f := range e.fields {
		if f.operations == nil || slices.Contains(f.operations, op.Name) {
			ed.add(f.change)
		}
	}
	return ed
}

// quoted returns s as a JSON string that lives as long as the edit.
func (ed *edit) quoted(s string) []byte {
	begin := len(ed.text)
	ed.text = jsonscan.AppendString(ed.text, s)
	return ed.text[begin:len(ed.text):len(ed.text)]
}

// chooseModel returns the model for requests that name none.
func (e *endpoint) chooseModel(op *Operation) string {
	for _, model := range []string{e.model, op.Model} {
		if model != "" {
			return model
		}
	}
	return e.provider.dialect.Models.Default
}

// stream makes the request one for a stream, or for none.
func (ed *edit) stream(op *Operation, want, noUsage bool) {
	switch {
	case !want && op.has(provider.ModeStream):
		ed.add(jsonscan.Change{Key: "stream", Remove: true})
		ed.add(jsonscan.Change{Key: "stream_options", Remove: true})
	case want:
		ed.add(jsonscan.Change{Key: "stream", Value: jsonTrue})
		switch {
		case op.StreamUsage && noUsage:
			ed.add(jsonscan.Change{Key: "stream_options", Make: ed.includeUsage, Remove: true})
		case op.StreamUsage:
			ed.add(jsonscan.Change{Key: "stream_options", Make: ed.includeUsage})
		}
	}
}

// askForUsage sets include_usage in stream_options and notes whether the caller
// had done so. What is no object is left for the service to refuse.
func (ed *edit) askForUsage(old []byte) []byte {
	if old == nil || string(old) == "null" {
		return askedUsage
	}
	o := jsonscan.NewObject(old)
	for o.Next() {
		if o.Is("include_usage") {
			ed.wantsUsage = bytes.Equal(o.Value(), jsonTrue)
		}
	}
	options, err := jsonscan.Edit(old, withUsage)
	if err != nil {
		return old
	}
	return options
}

// add appends a change, unless the key has one.
func (ed *edit) add(c jsonscan.Change) {
	for i := range ed.changes {
		if ed.changes[i].Key == c.Key {
			return
		}
	}
	ed.changes = append(ed.changes, c)
}

// remove takes the named fields away.
func (ed *edit) remove(names []string) {
	for _, name := range names {
		ed.add(jsonscan.Change{Key: name, Remove: true})
	}
}

// apply changes a JSON body.
func (ed *edit) apply(body []byte) ([]byte, error) {
	out, err := jsonscan.Edit(body, ed.changes)
	if err != nil {
		return nil, badBody(err)
	}
	return out, nil
}

// parameters changes the body of an operation that may well need none, and
// returns none then.
func (ed *edit) parameters(body []byte) ([]byte, error) {
	if len(bytes.TrimSpace(body)) == 0 {
		body = []byte("{}")
	}
	out, err := ed.apply(body)
	if err == nil && isEmptyObject(out) {
		return nil, nil
	}
	return out, err
}

func isEmptyObject(body []byte) bool {
	o := jsonscan.NewObject(body)
	return !o.Next() && o.Err() == nil
}

// field is a setting's value for bodies that do not have it.
type field struct {
	change     jsonscan.Change
	operations []string // nil for all
}

// fields returns the settings' values that go into bodies.
func (d *Dialect) fields(s *settings) []field {
	var fields []field
	for _, own := range d.Settings {
		if raw := s.own[own.Name]; own.Field != "" && len(raw) > 0 && string(raw) != "null" {
			fields = append(fields, field{jsonscan.Change{Key: own.Field, Value: raw, Default: true}, own.Operations})
		}
	}
	return fields
}
