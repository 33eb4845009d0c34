package endpoint

import (
	"errors"
	"io"
	"sync"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// upload is the caller's data of a transfer. It is lent to one attempt after
// the other: if it can be read from anywhere, as what is held in memory, to each
// from its start, else as long as none of it was read.
type upload struct {
	src io.Reader

	// at is src if it can be read from anywhere, nil if not; the data is the
	// length bytes from start.
	at            io.ReaderAt
	start, length int64
	held          int64 // bytes of it that wait in memory

	mu   sync.Mutex
	read bool
}

// newUpload returns nil for a transfer without data.
func newUpload(req *provider.TransferRequest) *upload {
	if req.Data == nil {
		return nil
	}
	u := &upload{src: req.Data}
	if data, ok := req.Data.(interface{ Len() int }); ok { // bytes.Reader and its kin
		u.held = int64(data.Len())
	}
	src, anywhere := req.Data.(interface {
		io.ReaderAt
		io.Seeker
	})
	if !anywhere || req.DataLength <= 0 {
		return u
	}
	if start, err := src.Seek(0, io.SeekCurrent); err == nil { // a pipe has no place
		u.at, u.start, u.length = src, start, req.DataLength
	}
	return u
}

// spent reports whether the data was read from, so that no further attempt can
// send it. A nil upload is never spent.
func (u *upload) spent() bool {
	if u == nil || u.at != nil {
		return false
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.read
}

// lend gives the data to one attempt, until the attempt gives it back. A nil
// upload has none.
func (u *upload) lend() (data io.Reader, giveBack func()) {
	if u == nil {
		return nil, func() {}
	}
	if u.at != nil {
		// Each attempt reads for itself: one that still sends disturbs no other.
		return io.NewSectionReader(u.at, u.start, u.length), func() {}
	}
	l := &lent{u: u}
	return l, l.giveBack
}

// lent is the data in the hands of one attempt. A sender that is still at it
// after the attempt has failed gets an error and leaves the data alone.
type lent struct {
	u    *upload
	back bool // guarded by u.mu
}

// Read implements [io.Reader].
func (l *lent) Read(p []byte) (int, error) {
	l.u.mu.Lock()
	if l.back {
		l.u.mu.Unlock()
		return 0, errors.New("the attempt that this upload belonged to is over")
	}
	l.u.read = true
	l.u.mu.Unlock()
	return l.u.src.Read(p)
}

func (l *lent) giveBack() {
	l.u.mu.Lock()
	defer l.u.mu.Unlock()
	l.back = true
}
