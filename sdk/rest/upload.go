package rest

import (
	"errors"
	"io"
	"net/http"
	"sync"
)

// upload is the body of a request whose sender may fall silent. The transport
// waits for a Read to end before it reports that the connection was closed, so
// that a service that hangs up would not be noticed: here a Read ends then.
type upload struct {
	*io.PipeReader
	from  io.Reader
	to    *io.PipeWriter
	begin sync.Once
}

// errHungUp ends an upload whose connection is closed.
var errHungUp = errors.New("the connection was closed before the end of the upload")

func newUpload(from io.Reader) *upload {
	u := &upload{from: from}
	u.PipeReader, u.to = io.Pipe()
	return u
}

// Read implements [io.Reader]. The first one begins to read the caller's upload,
// in a goroutine that ends with the upload or with the caller's Read.
func (u *upload) Read(p []byte) (int, error) {
	u.begin.Do(func() {
		go func() {
			_, err := io.Copy(u.to, struct{ io.Reader }{u.from})
			_ = u.to.CloseWithError(err) // never fails
		}()
	})
	return u.PipeReader.Read(p)
}

// watch ends the upload when the connection is closed or the exchange over. An
// HTTP/2 connection is many requests', and tells each by Close.
func (x *transported) watch(conn *countedConn) {
	if conn == nil || x.upload == nil {
		return
	}
	go func() {
		select {
		case <-x.ctx.Done():
		case <-conn.gone:
		}
		_ = x.upload.CloseWithError(errHungUp) // never fails
	}()
}

// uploadOf returns the body of a request that has an upload, nil if it has none
// or an empty one.
func uploadOf(r *Request) *upload {
	if r.Upload == nil || r.UploadLength == 0 {
		return nil
	}
	return newUpload(r.Upload)
}

// uploadBody is the body that the transport sends.
func uploadBody(u *upload) io.ReadCloser {
	if u == nil {
		return http.NoBody
	}
	return u
}
