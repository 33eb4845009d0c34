package front

import "strconv"

// WritePiece writes p[room:] at once, as Write and Flush do. Once a chunked answer
// has begun it copies nothing: it puts the line before the chunk into the room, and
// the end of the chunk behind it, and writes all as one. Where p has no capacity for
// that it is copied.
func (w *response) WritePiece(p []byte, room int) error {
	if w.over.Load() {
		return errOver
	}
	if !w.complete || !w.chunked || w.out != nil || room < pieceRoom || cap(p)-len(p) < len("\r\n") || w.failed != nil {
		if _, err := w.Write(p[room:]); err != nil {
			return err
		}
		return w.FlushError()
	}
	if err := w.accept(len(p) - room); err != nil || len(p) == room {
		return err
	}
	var line [pieceRoom]byte
	head := append(strconv.AppendInt(line[:0], int64(len(p)-room), 16), '\r', '\n')
	start := room - len(head)
	copy(p[start:], head)
	err := w.c.write(append(p, '\r', '\n')[start:])
	w.fail(err)
	return err
}

// pieceRoom is what the line before a chunk of any size takes at most, less than
// 2^48 bytes being any.
const pieceRoom = len("ffffffffffff\r\n")
