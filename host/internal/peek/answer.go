package peek

// String returns the string under a top-level key of a JSON object, in memory
// shared with the object where possible. ok is false if there is none or if the
// text before it is not JSON. It stops at the first match: use it on what a
// plugin wrote, not on what a caller did.
func String(object []byte, key string) (value []byte, ok bool) {
	s := scanner{data: object}
	if s.peek() != '{' {
		return nil, false
	}
	s.pos++
	for first := true; ; first = false {
		name, more, err := s.member(first)
		switch {
		case err != nil || !more:
			return nil, false
		case string(s.text(name)) != key:
			if s.skip(1) != nil {
				return nil, false
			}
		case s.peek() != '"':
			return nil, false
		default:
			sp, err := s.str()
			if err != nil {
				return nil, false
			}
			return s.text(sp), true
		}
	}
}

// Vector is the place of one embedding in an answer: the text from Start up to
// End is a JSON array of numbers.
type Vector struct{ Start, End int }

// Vectors finds the embeddings in an answer to "embeddings" that are written as
// lists of numbers: the arrays at data[*].embedding. Those in another form are
// left out. The error is a [*SyntaxError].
func Vectors(answer []byte) ([]Vector, error) {
	w := vectors{scanner: scanner{data: answer}}
	err := w.answer()
	if err == nil {
		err = w.end()
	}
	if err != nil {
		return nil, err
	}
	return w.found, nil
}

// vectors walks over an answer and collects the places of its embeddings.
type vectors struct {
	scanner
	found []Vector
}

func (w *vectors) answer() *SyntaxError {
	if w.peek() != '{' {
		return w.skip(0)
	}
	w.pos++
	for first := true; ; first = false {
		name, more, err := w.member(first)
		if err != nil || !more {
			return err
		}
		if string(w.text(name)) == "data" && w.peek() == '[' {
			err = w.list()
		} else {
			err = w.skip(1)
		}
		if err != nil {
			return err
		}
	}
}

// list consumes the array under "data".
func (w *vectors) list() *SyntaxError {
	w.pos++
	for first := true; ; first = false {
		more, err := w.element(first)
		if err != nil || !more {
			return err
		}
		if w.peek() == '{' {
			err = w.item()
		} else {
			err = w.skip(2)
		}
		if err != nil {
			return err
		}
	}
}

// item consumes one object of the list.
func (w *vectors) item() *SyntaxError {
	w.pos++
	for first := true; ; first = false {
		name, more, err := w.member(first)
		if err != nil || !more {
			return err
		}
		if string(w.text(name)) == "embedding" && w.peek() == '[' {
			err = w.numbers()
		} else {
			err = w.skip(3)
		}
		if err != nil {
			return err
		}
	}
}

// numbers consumes one embedding and notes its place if it holds numbers only.
func (w *vectors) numbers() *SyntaxError {
	start, plain := w.pos, true
	w.pos++
	for first := true; ; first = false {
		more, err := w.element(first)
		if err != nil {
			return err
		}
		if !more {
			break
		}
		c := w.peek()
		plain = plain && (c == '-' || '0' <= c && c <= '9')
		if err := w.skip(4); err != nil {
			return err
		}
	}
	if plain {
		w.found = append(w.found, Vector{start, w.pos})
	}
	return nil
}
