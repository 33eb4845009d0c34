package main

import (
	"context"
	"encoding/xml"
	"net/http"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// copyParams are the parameters of object.copy.
type copyParams struct {
	object
	conditions
	content
	SourceBucket  string `json:"source_bucket"`
	SourceKey     string `json:"source_key"`
	SourceVersion string `json:"source_version_id"`
}

// copy answers object.copy. Metadata is the source's unless the request has
// some of its own, which then replaces all of it. Conditions are on the source.
func (e *endpoint) copy(ctx context.Context, body []byte) (any, *provider.Meta, error) {
	var in copyParams
	if err := decode(body, &in); err != nil {
		return nil, nil, err
	}
	header, err := in.header()
	if err != nil {
		return nil, nil, err
	}
	var out struct {
		XMLName      xml.Name `xml:"CopyObjectResult" json:"-"`
		Bucket       string   `xml:"-" json:"bucket"`
		Key          string   `xml:"-" json:"key"`
		ETag         string   `json:"etag"`
		LastModified string   `json:"last_modified,omitempty"`
		VersionID    string   `xml:"-" json:"version_id,omitempty"`
	}
	resp, err := e.fetch(ctx, &request{
		method: http.MethodPut, place: in.place(), header: header,
	}, "CopyObjectResult", &out)
	if err != nil {
		return nil, nil, err
	}
	out.Bucket, out.Key, out.VersionID = in.Bucket, in.Key, resp.Header.Get("X-Amz-Version-Id")
	return out, withHeaders(metaOf(resp), resp.Header), nil
}

// header checks the parameters and makes headers of them.
func (in *copyParams) header() (http.Header, error) {
	if in.SourceBucket == "" {
		in.SourceBucket = in.Bucket
	}
	for _, err := range []error{in.object.check(), checkBucket("source_bucket", in.SourceBucket), checkKey("source_key", in.SourceKey)} {
		if err != nil {
			return nil, err
		}
	}
	if in.object.VersionID != "" {
		return nil, invalid("version_id", `a copy is always a new version; "source_version_id" names the one to copy`)
	}
	h, err := in.content.header()
	if err != nil {
		return nil, err
	}
	if in.ContentType != "" {
		h.Set("Content-Type", in.ContentType)
	}
	if in.replaces() {
		h.Set("X-Amz-Metadata-Directive", "REPLACE")
	}
	source := "/" + in.SourceBucket + "/" + escape(in.SourceKey)
	if in.SourceVersion != "" {
		source += "?" + encodeQuery(map[string][]string{"versionId": {in.SourceVersion}})
	}
	h.Set("X-Amz-Copy-Source", source)
	for _, f := range in.conditions.fields() {
		if !headerText(f.value) {
			return nil, invalid(f.param, "%q must be printable ASCII", f.param)
		}
		if f.value != "" {
			h.Set("X-Amz-Copy-Source-"+f.header, f.value)
		}
	}
	return h, nil
}

// replaces reports whether the request has metadata of its own. What is not
// metadata, such as the storage class, can change without it.
func (in *copyParams) replaces() bool {
	return in.Metadata != nil || in.ContentType != "" || in.ContentEncoding != "" || in.ContentDisposition != "" ||
		in.ContentLanguage != "" || in.CacheControl != "" || in.Expires != ""
}
