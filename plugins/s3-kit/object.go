package main

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// facts is what is known of an object: the answer of object.head.
type facts struct {
	Bucket             string            `json:"bucket"`
	Key                string            `json:"key"`
	Size               int64             `json:"size"`
	ETag               string            `json:"etag,omitempty"`
	LastModified       string            `json:"last_modified,omitempty"`
	ContentType        string            `json:"content_type,omitempty"`
	ContentEncoding    string            `json:"content_encoding,omitempty"`
	ContentDisposition string            `json:"content_disposition,omitempty"`
	CacheControl       string            `json:"cache_control,omitempty"`
	StorageClass       string            `json:"storage_class,omitempty"`
	VersionID          string            `json:"version_id,omitempty"`
	Metadata           map[string]string `json:"metadata"`
}

// passed are the headers of an answer that are meant for the caller, beside
// those of metadata and checksums.
var passed = []string{
	"ETag", "Last-Modified", "Accept-Ranges", "Content-Range", "Content-Encoding", "Content-Disposition", "Content-Language",
	"Cache-Control", "Expires", "X-Amz-Version-Id", "X-Amz-Delete-Marker", "X-Amz-Storage-Class", "X-Amz-Mp-Parts-Count",
	"X-Amz-Server-Side-Encryption", "X-Amz-Bucket-Region",
}

// withHeaders adds the headers of an answer that the caller should see.
func withHeaders(meta *provider.Meta, h http.Header) *provider.Meta {
	meta.Header = map[string]string{}
	for _, name := range passed {
		if value := h.Get(name); value != "" {
			meta.Header[strings.ToLower(name)] = value
		}
	}
	for name := range h {
		lower := strings.ToLower(name)
		if strings.HasPrefix(lower, "x-amz-meta-") || strings.HasPrefix(lower, "x-amz-checksum-") {
			meta.Header[lower] = strings.Join(h.Values(name), ", ")
		}
	}
	return meta
}

// head answers object.head.
func (e *endpoint) head(ctx context.Context, body []byte) (any, *provider.Meta, error) {
	var in struct {
		object
		conditions
	}
	if err := decode(body, &in); err != nil {
		return nil, nil, err
	}
	if err := in.object.check(); err != nil {
		return nil, nil, err
	}
	header, err := headers(in.conditions.fields())
	if err != nil {
		return nil, nil, err
	}
	resp, err := e.finish(ctx, &request{method: http.MethodHead, place: in.place(), query: in.version(), header: header})
	if err != nil {
		return nil, nil, err
	}
	h := resp.Header
	out := facts{
		Bucket: in.Bucket, Key: in.Key, Size: resp.Length, ETag: h.Get("ETag"), LastModified: h.Get("Last-Modified"),
		ContentType: h.Get("Content-Type"), ContentEncoding: h.Get("Content-Encoding"), ContentDisposition: h.Get("Content-Disposition"),
		CacheControl: h.Get("Cache-Control"), StorageClass: h.Get("X-Amz-Storage-Class"), VersionID: h.Get("X-Amz-Version-Id"),
		Metadata: map[string]string{},
	}
	for name, values := range h {
		if rest, ok := strings.CutPrefix(strings.ToLower(name), "x-amz-meta-"); ok {
			out.Metadata[rest] = strings.Join(values, ", ")
		}
	}
	return out, withHeaders(metaOf(resp), h), nil
}

// version is the query that names a version of the object, nil for the latest.
func (o *object) version() url.Values {
	if o.VersionID == "" {
		return nil
	}
	return url.Values{"versionId": {o.VersionID}}
}

// remove answers object.delete. S3 says the same of an object that was not there.
func (e *endpoint) remove(ctx context.Context, body []byte) (any, *provider.Meta, error) {
	var in struct {
		object
		IfMatch string `json:"if_match"`
	}
	if err := decode(body, &in); err != nil {
		return nil, nil, err
	}
	if err := in.object.check(); err != nil {
		return nil, nil, err
	}
	header, err := headers([]field{{"if_match", "If-Match", in.IfMatch}})
	if err != nil {
		return nil, nil, err
	}
	resp, err := e.finish(ctx, &request{method: http.MethodDelete, place: in.place(), query: in.version(), header: header})
	if err != nil {
		return nil, nil, err
	}
	return struct {
			Bucket       string `json:"bucket"`
			Key          string `json:"key"`
			Deleted      bool   `json:"deleted"`
			VersionID    string `json:"version_id,omitempty"`
			DeleteMarker bool   `json:"delete_marker,omitempty"`
		}{in.Bucket, in.Key, true, resp.Header.Get("X-Amz-Version-Id"), resp.Header.Get("X-Amz-Delete-Marker") == "true"},
		withHeaders(metaOf(resp), resp.Header), nil
}
