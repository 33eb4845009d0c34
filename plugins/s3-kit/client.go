package main

import (
	"bytes"
	"context"
	"encoding/xml"
	"io"
	"net/http"
	"net/url"

	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/rest"
)

const typeXML = "application/xml"

// request is one request of the service.
type request struct {
	method string
	place
	query       url.Values
	header      http.Header
	contentType string
	// body is sent whole and signed; upload, if it is not nil, in its place and
	// while it arrives, with the given length.
	body   []byte
	upload io.Reader
	length int64
}

// do signs and sends a request. Statuses that are no success are errors.
func (e *endpoint) do(ctx context.Context, r *request) (*rest.Response, error) {
	subdomain, path := e.locate(r.place)
	header := r.header
	if header == nil {
		header = http.Header{}
	}
	if e.signed() {
		m := &message{
			method: r.method, host: e.host(subdomain), path: e.base.EscapedPath() + path,
			query: r.query, header: header, payload: unsignedPayload,
		}
		if r.upload == nil {
			m.payload = hexHash(r.body)
		}
		e.sign(m, e.now())
	}
	return e.client.Do(ctx, &rest.Request{
		Method: r.method, Subdomain: subdomain, Path: path, Query: r.query, Header: header, ContentType: r.contentType,
		Body: r.body, Upload: r.upload, UploadLength: r.length, KeepEncoding: true,
	})
}

// finish sends a request whose answer has nothing of interest in its body.
func (e *endpoint) finish(ctx context.Context, r *request) (*rest.Response, error) {
	resp, err := e.do(ctx, r)
	if err != nil {
		return nil, err
	}
	defer resp.Close()
	if r.method == http.MethodHead {
		return resp, nil // announces a body and has none
	}
	data, err := resp.ReadAll()
	if err != nil {
		return nil, err
	}
	// Empty, or a courtesy of the vendor. A page is a proxy's.
	if len(bytes.TrimSpace(data)) > 0 && (rootOf(data) == "Error" || rootOf(data) == "html" || resp.ContentType == "text/html") {
		return nil, unexpected(resp, data, "nothing")
	}
	return resp, nil
}

// fetch sends a request and decodes its answer, an XML document with the given
// root. Some failures come with the status 200, once work has taken long.
func (e *endpoint) fetch(ctx context.Context, r *request, root string, into any) (*rest.Response, error) {
	resp, err := e.do(ctx, r)
	if err != nil {
		return nil, err
	}
	data, err := resp.ReadAll()
	if err != nil {
		return nil, err
	}
	if rootOf(data) != root || xml.Unmarshal(bytes.TrimSpace(data), into) != nil {
		return nil, unexpected(resp, data, "a whole document "+root)
	}
	return resp, nil
}

// rootOf returns the name of a document's first element, "" if it is none.
func rootOf(data []byte) string {
	d := xml.NewDecoder(bytes.NewReader(bytes.TrimSpace(data)))
	d.Strict = false
	for {
		token, err := d.Token()
		if err != nil {
			return ""
		}
		if start, ok := token.(xml.StartElement); ok {
			return start.Name.Local
		}
	}
}

// unexpected is the error of an answer with a success status that is none.
func unexpected(resp *rest.Response, data []byte, want string) error {
	if rootOf(data) == "Error" {
		return resp.ErrorFromBody(data)
	}
	return resp.Unexpected(data, want)
}

// metaOf is what an answer says beside its body.
func metaOf(resp *rest.Response) *provider.Meta {
	meta := resp.Meta()
	return &meta
}
