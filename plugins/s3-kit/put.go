package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/rest"
)

// putParams are the parameters of object.put.
type putParams struct {
	object
	content
	IfMatch     string `json:"if_match"`
	IfNoneMatch string `json:"if_none_match"`
	SHA256      string `json:"checksum_sha256"`
	CRC32       string `json:"checksum_crc32"`

	header    http.Header // of the object
	condition http.Header
}

// putAnswer is the answer of object.put.
type putAnswer struct {
	Bucket    string `json:"bucket"`
	Key       string `json:"key"`
	Size      int64  `json:"size"`
	ETag      string `json:"etag,omitempty"`
	VersionID string `json:"version_id,omitempty"`
	Parts     int    `json:"parts,omitempty"`
}

// put answers object.put. A small upload is one request; a large one is sent in
// parts while it arrives; one of unknown length is read up to the size of a part
// to see which it is.
func (e *endpoint) put(ctx context.Context, req *provider.TransferRequest, out provider.TransferSink) error {
	in := &putParams{}
	if err := in.read(req); err != nil {
		return err
	}
	src := newSource(req, newChecksums(in.SHA256, in.CRC32))
	defer src.close()
	answer := putAnswer{Bucket: in.Bucket, Key: in.Key}
	var resp *rest.Response
	var err error
	switch {
	case src.length >= 0 && src.length <= in.oneRequest(int64(e.Threshold)):
		resp, err = e.putSection(ctx, in, src)
	case src.length >= 0:
		resp, answer.Parts, err = e.putParts(ctx, in, src, nil, 0)
	default:
		resp, answer.Parts, err = e.putUnknown(ctx, in, src)
	}
	if err != nil {
		return src.failure(err)
	}
	answer.Size, answer.ETag, answer.VersionID = src.count(), resp.Header.Get("ETag"), resp.Header.Get("X-Amz-Version-Id")
	data, err := json.Marshal(answer)
	if err != nil {
		return err
	}
	head := provider.TransferHead{Meta: *withHeaders(metaOf(resp), resp.Header), ContentType: rest.TypeJSON, Length: int64(len(data))}
	if err := out.Start(head); err != nil {
		return err
	}
	_, err = out.Write(data)
	return err
}

// read decodes and checks the parameters.
func (in *putParams) read(req *provider.TransferRequest) error {
	if err := decode(req.Body, in); err != nil {
		return err
	}
	if err := in.object.check(); err != nil {
		return err
	}
	if in.VersionID != "" {
		return invalid("version_id", `an upload is always a new version; leave "version_id" out`)
	}
	if n := newChecksums(in.SHA256, in.CRC32); in.SHA256 != "" && (len(n) == 0 || n[0].name != "checksum_sha256") {
		return invalid("checksum_sha256", `"checksum_sha256" must be 32 bytes in base64`)
	} else if in.CRC32 != "" && (len(n) == 0 || n[len(n)-1].name != "checksum_crc32") {
		return invalid("checksum_crc32", `"checksum_crc32" must be 4 bytes in base64`)
	}
	for _, contentType := range []string{req.DataType, "application/octet-stream"} {
		if in.ContentType == "" {
			in.ContentType = contentType
		}
	}
	var err error
	if in.header, err = in.content.header(); err != nil {
		return err
	}
	in.condition, err = headers([]field{{"if_match", "If-Match", in.IfMatch}, {"if_none_match", "If-None-Match", in.IfNoneMatch}})
	return err
}

// oneRequest is the largest upload that is sent as one request. One with a
// checksum is, wherever that is possible: the service then checks it.
func (in *putParams) oneRequest(threshold int64) int64 {
	if in.SHA256 != "" || in.CRC32 != "" {
		return maxSingle
	}
	return threshold
}

// putWhole stores an object with one request, of a reader or of bytes at hand.
func (e *endpoint) putWhole(ctx context.Context, in *putParams, from io.Reader, body []byte, length int64) (*rest.Response, error) {
	header := in.header.Clone()
	for name, values := range in.condition {
		header[name] = values
	}
	for name, value := range map[string]string{"X-Amz-Checksum-Sha256": in.SHA256, "X-Amz-Checksum-Crc32": in.CRC32} {
		if value != "" {
			header.Set(name, value)
		}
	}
	r := &request{method: http.MethodPut, place: in.place(), header: header, contentType: in.ContentType, body: body, upload: from, length: length}
	if len(body) == 0 && from == nil {
		header.Set("Content-Type", in.ContentType) // no body, which could have a type
	}
	return e.finish(ctx, r)
}

// putSection stores an upload of known length with one request.
func (e *endpoint) putSection(ctx context.Context, in *putParams, src *source) (*rest.Response, error) {
	if src.length == 0 {
		if err := src.end(); err != nil {
			return nil, err
		}
		return e.putWhole(ctx, in, nil, nil, 0)
	}
	s := src.section(src.length, true)
	resp, err := e.putWhole(ctx, in, s, nil, src.length)
	if err == nil && !s.whole() {
		err = errEarly()
	}
	return resp, err
}

// putUnknown reads the first part to find out whether there is a second.
func (e *endpoint) putUnknown(ctx context.Context, in *putParams, src *source) (*rest.Response, int, error) {
	buf := e.parts.Get().(*[]byte)
	defer e.parts.Put(buf)
	n, err := io.ReadFull(src, *buf)
	switch {
	case src.failure(nil) != nil:
		return nil, 0, src.failure(nil)
	case err == nil:
		return e.putParts(ctx, in, src, *buf, n)
	case !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
		return nil, 0, err
	}
	if err := src.verify(); err != nil {
		return nil, 0, err
	}
	resp, err := e.putWhole(ctx, in, nil, (*buf)[:n], int64(n))
	return resp, 0, err
}
