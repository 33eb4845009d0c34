package api

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// The operations behind the paths of objects.
const (
	opObjectPut    = "object.put"
	opObjectGet    = "object.get"
	opObjectHead   = "object.head"
	opObjectDelete = "object.delete"
	opObjectList   = "object.list"
)

// metaPrefix begins the headers that hold an object's own metadata.
const metaPrefix = "X-Amz-Meta-"

// objectHeaders are the request headers that become parameters of an operation:
// conditions and the range of all of them, the rest of uploads.
var (
	conditionHeaders = map[string]string{
		"If-Match": "if_match", "If-None-Match": "if_none_match",
		"If-Modified-Since": "if_modified_since", "If-Unmodified-Since": "if_unmodified_since",
	}
	matchHeaders = map[string]string{"If-Match": "if_match"}
	putHeaders   = map[string]string{
		"If-Match": "if_match", "If-None-Match": "if_none_match",
		"Content-Type": "content_type", "Content-Encoding": "content_encoding", "Content-Disposition": "content_disposition",
		"Content-Language": "content_language", "Cache-Control": "cache_control", "Expires": "expires",
		"X-Amz-Storage-Class": "storage_class", "X-Amz-Acl": "acl", "X-Amz-Server-Side-Encryption": "server_side_encryption",
		"X-Amz-Checksum-Sha256": "checksum_sha256", "X-Amz-Checksum-Crc32": "checksum_crc32",
	}
)

// objectRoute finds what can be done with an object, or with a bucket.
func objectRoute(id, path string) (route, bool) {
	bucket, key, _ := strings.Cut(path, "/")
	switch {
	case bucket == "":
		return route{}, false
	case key == "":
		return route{get: func(x *exchange) { x.listObjects(id, bucket) }}, true
	default:
		o := objectPath{id, bucket, key}
		return route{get: o.get, head: o.head, put: o.put, remove: o.remove}, true
	}
}

// objectPath is an object as a path names it.
type objectPath struct{ endpoint, bucket, key string }

// request makes a request about the object of the path, the query and headers.
func (o objectPath) request(x *exchange, operation string, headers map[string]string) (*provider.Request, map[string]any, error) {
	x.object = true
	req, err := x.request(operation, o.endpoint)
	if err != nil {
		return nil, nil, err
	}
	params := map[string]any{}
	for name, values := range x.r.URL.Query() {
		params[name] = values[0]
	}
	for header, name := range headers {
		if value := strings.Join(x.r.Header.Values(header), ", "); value != "" {
			params[name] = value
		}
	}
	params["bucket"] = o.bucket
	if o.key != "" {
		params["key"] = o.key
	}
	return req, params, nil
}

// get answers GET with the object's bytes.
func (o objectPath) get(x *exchange) {
	req, params, err := o.request(x, opObjectGet, conditionHeaders)
	if err != nil {
		x.fail(err)
		return
	}
	// Whoever cannot compare for If-Range must send the whole object.
	if part := first(x.r.Header, "Range"); part != "" && first(x.r.Header, "If-Range") == "" {
		params["range"] = part
	}
	req.Body = encode(params)
	x.transfer(&provider.TransferRequest{Request: *req})
}

// put answers PUT: the body is the object, whatever its type says.
func (o objectPath) put(x *exchange) {
	req, params, err := o.request(x, opObjectPut, putHeaders)
	if err == nil {
		err = uploadParams(x.r.Header, params)
	}
	if err != nil {
		x.fail(err)
		return
	}
	req.Body = encode(params)
	transfer := &provider.TransferRequest{Request: *req, DataType: first(x.r.Header, "Content-Type")}
	// The encoding is the object's and not the request's.
	x.r.Header.Del("Content-Encoding")
	stop, err := x.attach(transfer)
	if err != nil {
		x.fail(err)
		return
	}
	defer stop()
	x.transfer(transfer)
}

// uploadParams adds the metadata, and refuses what would be lost.
func uploadParams(h http.Header, params map[string]any) error {
	if strings.Contains(strings.ToLower(first(h, "Content-Encoding")), "aws-chunked") {
		return invalid("content-encoding", "aws-chunked bodies are not taken; send the object as it is")
	}
	for _, name := range []string{"Content-Md5", "Content-Range"} {
		if first(h, name) != "" {
			return invalid(strings.ToLower(name), "the header "+strings.ToLower(name)+" has no effect here; leave it out "+
				"(x-amz-checksum-sha256 and x-amz-checksum-crc32 are checked)")
		}
	}
	metadata := map[string]string{}
	for name, values := range h {
		if rest, ok := strings.CutPrefix(name, metaPrefix); ok {
			metadata[strings.ToLower(rest)] = strings.Join(values, ",")
		}
	}
	if len(metadata) > 0 {
		params["metadata"] = metadata
	}
	return nil
}

// head answers HEAD with what GET would say, without asking for the bytes.
func (o objectPath) head(x *exchange) {
	resp := o.call(x, opObjectHead, conditionHeaders)
	if resp == nil {
		return
	}
	var known struct {
		Size        int64  `json:"size"`
		ContentType string `json:"content_type"`
	}
	if err := json.Unmarshal(resp.Body, &known); err != nil {
		x.fail(&provider.Error{Code: provider.CodeProtocol, Source: provider.SourcePlugin,
			Message: "the plugin's answer of object.head is not a JSON object with a size"})
		return
	}
	x.meta(&resp.Meta)
	h := x.w.Header()
	h.Set("Content-Length", strconv.FormatInt(known.Size, 10))
	if known.ContentType != "" {
		h.Set("Content-Type", known.ContentType)
	}
	x.success(&resp.Meta)
	x.began = true
	x.w.WriteHeader(http.StatusOK)
}

// remove answers DELETE.
func (o objectPath) remove(x *exchange) {
	if resp := o.call(x, opObjectDelete, matchHeaders); resp != nil {
		x.meta(&resp.Meta)
		x.began = true
		x.w.WriteHeader(http.StatusNoContent)
	}
}

// listObjects answers GET of a bucket with a page of its objects.
func (x *exchange) listObjects(id, bucket string) {
	o := objectPath{endpoint: id, bucket: bucket}
	if resp := o.call(x, opObjectList, nil); resp != nil {
		x.meta(&resp.Meta)
		x.write(http.StatusOK, "application/json", resp.Body)
	}
}

// call makes a call about the object; nil means that the failure was answered.
func (o objectPath) call(x *exchange, operation string, headers map[string]string) *provider.Response {
	req, params, err := o.request(x, operation, headers)
	if err != nil {
		x.fail(err)
		return nil
	}
	req.Body = encode(params)
	ctx, _, done := limitUntilBegun(x.ctx, x.timeout)
	defer done()
	resp, report, err := x.core.Call(ctx, req)
	x.report(report)
	if err != nil {
		x.fail(err)
		return nil
	}
	return resp
}

// success is the status of an answer of bytes. For objects, a part is not the
// whole, and the encoding tells how to read it.
func (x *exchange) success(m *provider.Meta) int {
	if !x.object {
		return http.StatusOK
	}
	if encoding := m.Header["content-encoding"]; encoding != "" {
		x.w.Header().Set("Content-Encoding", encoding)
	}
	if m.Status == http.StatusPartialContent {
		return http.StatusPartialContent
	}
	return http.StatusOK
}

// objectStatus gives a failure the status that HTTP has for it.
func (x *exchange) objectStatus(p *problem, e *provider.Error) {
	if e.Source != provider.SourceUpstream {
		return
	}
	switch e.StatusCode {
	case http.StatusNotModified, http.StatusPreconditionFailed, http.StatusRequestedRangeNotSatisfiable:
		p.status = e.StatusCode
	}
}

// notModified answers 304, with the tag that the caller has: it is the object's.
func (x *exchange) notModified() {
	if tag := first(x.r.Header, "If-None-Match"); tag != "" && tag != "*" && !strings.Contains(tag, ",") {
		x.w.Header().Set("Etag", tag)
	}
	x.began = true
	x.w.WriteHeader(http.StatusNotModified)
}
