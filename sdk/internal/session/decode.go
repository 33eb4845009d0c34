package session

import (
	"github.com/backplane-dev/backplane/sdk/provider"
)

// decodeEnvelope adds what an Envelope says to r. Durations are in d, because
// theirs can come in parts; see [open.settle].
func decodeEnvelope(message []byte, r *provider.Request, d *durations, names *interner) error {
	f := fields{rest: message}
	for f.next() {
		switch f.tag {
		case 1<<3 | length:
			r.Endpoint = f.name(names)
		case 2<<3 | varint:
			r.Revision = f.num
		case 3<<3 | length:
			r.Operation = f.name(names)
		case 4<<3 | length:
			r.Model = f.name(names)
		case 5<<3 | length:
			r.RequestID = f.string()
		case 6<<3 | varint:
			r.Attempt = int(uint32(f.num))
		case 7<<3 | length:
			f.message(d.attempt.decode(f.data))
		case 8<<3 | length:
			r.Credential = provider.NewSecret(string(f.data))
		case 9<<3 | length:
			key, value, err := pair(f.data, names)
			f.message(err)
			if r.Header == nil {
				r.Header = make(map[string]string)
			}
			r.Header[key] = value
		case 10<<3 | length:
			r.ContentType = f.name(names)
		case 11<<3 | length:
			f.message(d.connect.decode(f.data))
		}
	}
	return f.err()
}

// decodeMeta adds what a Meta says to m; usage is the memory for its Usage.
func decodeMeta(message []byte, m *provider.Meta, usage *provider.Usage, names *interner) error {
	f := fields{rest: message}
	for f.next() {
		switch f.tag {
		case 1<<3 | varint:
			m.Status = int(int32(f.num))
		case 2<<3 | length:
			m.RequestID = f.string()
		case 3<<3 | length:
			m.Model = f.name(names)
		case 4<<3 | length:
			m.FinishReason = f.name(names)
		case 5<<3 | length:
			m.Usage = usage
			f.message(decodeUsage(f.data, usage))
		case 6<<3 | length:
			limit, err := decodeRateLimit(f.data, names)
			f.message(err)
			m.RateLimits = append(m.RateLimits, limit)
		case 7<<3 | length:
			key, value, err := pair(f.data, names)
			f.message(err)
			if m.Header == nil {
				m.Header = make(map[string]string)
			}
			m.Header[key] = value
		}
	}
	return f.err()
}

func decodeUsage(message []byte, u *provider.Usage) error {
	f := fields{rest: message}
	for f.next() {
		switch f.tag {
		case 1<<3 | varint:
			u.Input = int64(f.num)
		case 2<<3 | varint:
			u.Output = int64(f.num)
		case 3<<3 | varint:
			u.Total = int64(f.num)
		case 4<<3 | varint:
			u.Cached = int64(f.num)
		case 5<<3 | varint:
			u.CacheWrite = int64(f.num)
		case 6<<3 | varint:
			u.Reasoning = int64(f.num)
		}
	}
	return f.err()
}

func decodeRateLimit(message []byte, names *interner) (r provider.RateLimit, err error) {
	var reset duration
	f := fields{rest: message}
	for f.next() {
		switch f.tag {
		case 1<<3 | length:
			r.Meter = f.name(names)
		case 2<<3 | varint:
			r.Limit = int64(f.num)
		case 3<<3 | varint:
			r.Remaining = int64(f.num)
		case 4<<3 | length:
			f.message(reset.decode(f.data))
		}
	}
	r.Reset = reset.value()
	return r, f.err()
}

// answer is a Response and the memory for what it points to.
type answer struct {
	provider.Response
	usage provider.Usage
}

// decodeAnswer adds what a CallResponse says to a. The body stays in message's
// memory.
func decodeAnswer(message []byte, a *answer, names *interner) error {
	f := fields{rest: message}
	for f.next() {
		switch f.tag {
		case 1<<3 | length:
			f.message(decodeMeta(f.data, &a.Meta, &a.usage, names))
		case 2<<3 | length:
			a.ContentType = f.name(names)
		case 3<<3 | length:
			a.Body = f.data
		}
	}
	return f.err()
}

// decodeEvent sets e to what a StreamResponse says; Kind 0 is an event that this
// version does not know. Chunks are appended to e.Chunks and stay in message's
// memory.
func decodeEvent(message []byte, e *provider.Event, names *interner) error {
	f := fields{rest: message}
	for f.next() {
		switch f.tag {
		case 1<<3 | length:
			become(e, provider.EventStarted)
			if e.Meta == nil {
				e.Meta = &provider.Meta{}
			}
			f.message(decodeStarted(f.data, e.Meta, names))
		case 2<<3 | length:
			become(e, provider.EventData)
			f.message(decodeData(f.data, e))
		case 3<<3 | length:
			become(e, provider.EventUsage)
			if e.Usage == nil {
				e.Usage = &provider.Usage{}
			}
			f.message(decodeUsage(f.data, e.Usage))
		case 4<<3 | length:
			become(e, provider.EventHeartbeat)
			f.message(decodeNothing(f.data))
		case 5<<3 | length:
			become(e, provider.EventFinished)
			if e.Finish == nil {
				e.Finish = &provider.Finish{}
			}
			f.message(decodeFinished(f.data, e.Finish, names))
		}
	}
	return f.err()
}

// become makes e an event of another kind: of a choice of fields the last counts.
func become(e *provider.Event, kind provider.EventKind) {
	if e.Kind != kind {
		*e = provider.Event{Kind: kind, Chunks: e.Chunks[:0]}
	}
}

func decodeStarted(message []byte, m *provider.Meta, names *interner) error {
	f := fields{rest: message}
	for f.next() {
		if f.tag == 1<<3|length {
			usage := m.Usage
			if usage == nil {
				usage = &provider.Usage{}
			}
			f.message(decodeMeta(f.data, m, usage, names))
		}
	}
	return f.err()
}

func decodeData(message []byte, e *provider.Event) error {
	f := fields{rest: message}
	for f.next() {
		if f.tag == 1<<3|length {
			e.Chunks = append(e.Chunks, f.data)
		}
	}
	return f.err()
}

func decodeFinished(message []byte, finish *provider.Finish, names *interner) error {
	f := fields{rest: message}
	for f.next() {
		switch f.tag {
		case 1<<3 | length:
			finish.Reason = f.name(names)
		case 2<<3 | length:
			if finish.Usage == nil {
				finish.Usage = &provider.Usage{}
			}
			f.message(decodeUsage(f.data, finish.Usage))
		}
	}
	return f.err()
}

// decodeNothing checks a message whose fields do not matter.
func decodeNothing(message []byte) error {
	f := fields{rest: message}
	for f.next() {
	}
	return f.err()
}
