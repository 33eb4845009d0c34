package api

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// copyRoom is the piece in which the bytes of an answer are passed on.
const copyRoom = 32 << 10

var copyBuffers = sync.Pool{New: func() any { return new([copyRoom]byte) }}

// transfer answers a request of mode "transfer" with bytes.
//
// The memory of its body is left to the garbage collector: the answer can be
// complete before the plugin has read all of an upload.
func (x *exchange) transfer(req *provider.TransferRequest) {
	ctx, lift, done := limitUntilBegun(x.ctx, x.timeout)
	defer done()
	resp, report, err := x.core.Transfer(ctx, req)
	lift()
	if req.Data == nil { // else the plugin can be at it up to the answer's end
		x.share.Release()
	}
	x.report(report)
	if err != nil {
		x.fail(err)
		return
	}
	x.download(resp)
}

// download passes the bytes of an answer on. The status is written once the
// first bytes are there: until then, a failure is an ordinary error.
func (x *exchange) download(resp *provider.TransferResponse) {
	defer func() { _ = resp.Body.Close() }() // it has been read, or is given up
	room := copyBuffers.Get().(*[copyRoom]byte)
	defer copyBuffers.Put(room)
	out := pipe{x: x, head: &resp.TransferHead, control: http.NewResponseController(x.w), deadline: newDeadline(x.w, x.opts.WriteTimeout)}
	for {
		n, err := resp.Body.Read(room[:])
		if n > 0 && out.write(room[:n]) != nil {
			return // the caller left
		}
		switch {
		case err == nil:
		case errors.Is(err, io.EOF):
			// A failure means that the caller left.
			_ = out.write(nil)
			return
		case !x.began:
			x.fail(err)
			return
		default:
			// Bytes have no place for an error. A cut connection tells the
			// caller that the answer is not complete; what there is of it, with
			// the request's id, goes out before.
			_ = out.control.Flush()
			panic(http.ErrAbortHandler)
		}
	}
}

// pipe writes the answer of a transfer.
type pipe struct {
	x        *exchange
	head     *provider.TransferHead
	control  *http.ResponseController
	deadline deadline
}

func (p *pipe) write(data []byte) error {
	if !p.x.began {
		p.begin()
	}
	p.deadline.arm(time.Now())
	if _, err := p.x.w.Write(data); err != nil {
		return err
	}
	if p.head.Length >= 0 {
		return nil
	}
	// Of unknown length can mean live, as speech while it is made: it must not
	// wait in a buffer.
	if err := p.control.Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	return nil
}

func (p *pipe) begin() {
	p.x.meta(&p.head.Meta)
	h := p.x.w.Header()
	contentType := p.head.ContentType
	if contentType == "" {
		contentType = "application/octet-stream"
	}
	h.Set("Content-Type", contentType)
	if p.head.Length >= 0 {
		h.Set("Content-Length", strconv.FormatInt(p.head.Length, 10))
	}
	p.x.began = true
	p.x.w.WriteHeader(p.x.success(&p.head.Meta))
}
