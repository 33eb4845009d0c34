package main

import (
	"context"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/rest"
)

const (
	maxParts = 10000
	// abortTime is how long the service has to throw away an upload that
	// failed. The caller may have gone, so its own context does not count.
	abortTime = 5 * time.Second
)

// multipart is an upload in parts.
type multipart struct {
	*endpoint
	in    *putParams
	src   *source
	id    string
	parts []uploadedPart
}

type uploadedPart struct {
	Number int    `xml:"PartNumber"`
	ETag   string `xml:"ETag"`
}

// putParts stores an object in parts, one after the other. buf holds the first n
// bytes and the room for the following parts if the length is not known; else
// the parts go out as they come in. An upload that fails leaves nothing behind.
func (e *endpoint) putParts(ctx context.Context, in *putParams, src *source, buf []byte, n int) (*rest.Response, int, error) {
	m := &multipart{endpoint: e, in: in, src: src}
	if err := m.begin(ctx); err != nil {
		return nil, 0, err
	}
	var err error
	if src.length >= 0 {
		err = m.streamParts(ctx)
	} else {
		err = m.bufferParts(ctx, buf, n)
	}
	var resp *rest.Response
	if err == nil {
		resp, err = m.complete(ctx)
	}
	if err != nil {
		m.abort(ctx)
		return nil, 0, err
	}
	return resp, len(m.parts), nil
}

func (m *multipart) begin(ctx context.Context) error {
	var got struct {
		XMLName xml.Name `xml:"InitiateMultipartUploadResult"`
		ID      string   `xml:"UploadId"`
	}
	header := m.in.header.Clone()
	header.Set("Content-Type", m.in.ContentType)
	resp, err := m.fetch(ctx, &request{
		method: http.MethodPost, place: m.in.place(), query: url.Values{"uploads": {""}}, header: header,
	}, "InitiateMultipartUploadResult", &got)
	if err == nil && got.ID == "" {
		err = protocolError(resp, "the service began an upload without giving it an id")
	}
	m.id = got.ID
	return err
}

// streamParts sends an upload of known length. Nothing is held in memory.
func (m *multipart) streamParts(ctx context.Context) error {
	size := max(int64(m.PartSize), (m.src.length+maxParts-1)/maxParts)
	for left := m.src.length; left > 0; left -= size {
		length := min(size, left)
		s := m.src.section(length, length == left)
		if err := m.part(ctx, &request{upload: s, length: length}); err != nil {
			return err
		}
		if !s.whole() {
			return errEarly()
		}
	}
	return nil
}

// bufferParts sends an upload of unknown length: S3 wants to know each part's.
func (m *multipart) bufferParts(ctx context.Context, buf []byte, n int) error {
	for {
		if len(m.parts) == maxParts {
			e := provider.Errorf(provider.CodeTooLarge, "the upload has more than %d parts of %d bytes; announce its length or raise part_size", maxParts, len(buf))
			e.Source = provider.SourceCaller
			return e
		}
		if err := m.part(ctx, &request{body: buf[:n]}); err != nil {
			return err
		}
		var err error
		switch n, err = io.ReadFull(m.src, buf); {
		case m.src.failure(nil) != nil:
			return m.src.failure(nil)
		case errors.Is(err, io.EOF):
			return m.src.verify()
		case err != nil && !errors.Is(err, io.ErrUnexpectedEOF):
			return err
		}
	}
}

// part sends the next part.
func (m *multipart) part(ctx context.Context, r *request) error {
	number := len(m.parts) + 1
	r.method, r.place, r.contentType = http.MethodPut, m.in.place(), "application/octet-stream"
	r.query = url.Values{"partNumber": {strconv.Itoa(number)}, "uploadId": {m.id}}
	resp, err := m.finish(ctx, r)
	if err != nil {
		return err
	}
	tag := resp.Header.Get("ETag")
	if tag == "" {
		return protocolError(resp, "the service took a part without giving its ETag")
	}
	m.parts = append(m.parts, uploadedPart{number, tag})
	return nil
}

// complete makes an object of the parts. The conditions of the upload count now.
func (m *multipart) complete(ctx context.Context) (*rest.Response, error) {
	document, err := xml.Marshal(struct {
		XMLName xml.Name       `xml:"http://s3.amazonaws.com/doc/2006-03-01/ CompleteMultipartUpload"`
		Parts   []uploadedPart `xml:"Part"`
	}{Parts: m.parts})
	if err != nil {
		return nil, err
	}
	var got struct {
		XMLName xml.Name `xml:"CompleteMultipartUploadResult"`
		ETag    string
	}
	resp, err := m.fetch(ctx, &request{
		method: http.MethodPost, place: m.in.place(), query: url.Values{"uploadId": {m.id}}, header: m.in.condition.Clone(),
		contentType: typeXML, body: document,
	}, "CompleteMultipartUploadResult", &got)
	if err != nil {
		return nil, err
	}
	resp.Header.Set("ETag", got.ETag)
	return resp, nil
}

// abort throws the parts away, which are paid for as long as they are there. If
// that fails too, the bucket's own rules for unfinished uploads are left.
func (m *multipart) abort(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortTime)
	defer cancel()
	_, _ = m.finish(ctx, &request{method: http.MethodDelete, place: m.in.place(), query: url.Values{"uploadId": {m.id}}})
}

// errEarly is the error of a service that took what it cannot have.
func errEarly() error {
	return protocolError(nil, "the service reported success before it had all of the upload")
}

func protocolError(resp *rest.Response, text string) error {
	e := &provider.Error{Code: provider.CodeProtocol, Source: provider.SourceUpstream, Message: text}
	if resp != nil {
		e.StatusCode = resp.Status
	}
	return e
}
