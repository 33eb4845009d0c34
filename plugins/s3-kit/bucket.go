package main

import (
	"context"
	"encoding/xml"
	"net/http"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// homeRegion is the one region that must not be named when a bucket is created.
const homeRegion = "us-east-1"

// bucketParams are the parameters of operations on a bucket.
type bucketParams struct {
	Bucket string `json:"bucket"`
}

// bucketAnswer is the answer of operations on a bucket.
type bucketAnswer struct {
	Bucket  string `json:"bucket"`
	Region  string `json:"region,omitempty"`
	Deleted bool   `json:"deleted,omitempty"`
}

// listBuckets answers bucket.list.
func (e *endpoint) listBuckets(ctx context.Context, body []byte) (any, *provider.Meta, error) {
	if err := decode(body, &struct{}{}); err != nil {
		return nil, nil, err
	}
	type bucket struct {
		Name    string `json:"name"`
		Created string `xml:"CreationDate" json:"created_at,omitempty"`
	}
	var got struct {
		XMLName xml.Name `xml:"ListAllMyBucketsResult" json:"-"`
		Owner   string   `xml:"Owner>ID" json:"owner,omitempty"`
		Buckets []bucket `xml:"Buckets>Bucket" json:"buckets"`
	}
	resp, err := e.fetch(ctx, &request{method: http.MethodGet}, "ListAllMyBucketsResult", &got)
	if err != nil {
		return nil, nil, err
	}
	if got.Buckets == nil {
		got.Buckets = []bucket{}
	}
	return got, metaOf(resp), nil
}

// createBucket answers bucket.create.
func (e *endpoint) createBucket(ctx context.Context, body []byte) (any, *provider.Meta, error) {
	var in struct {
		bucketParams
		Region string `json:"region"`
	}
	if err := decode(body, &in); err != nil {
		return nil, nil, err
	}
	if in.Region == "" && e.Region != "auto" {
		in.Region = e.Region
	}
	r := &request{method: http.MethodPut, place: place{bucket: in.Bucket}}
	if in.Region != "" && in.Region != homeRegion {
		document, err := xml.Marshal(struct {
			XMLName xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ CreateBucketConfiguration"`
			Region  string   `xml:"LocationConstraint"`
		}{Region: in.Region})
		if err != nil {
			return nil, nil, err
		}
		r.body, r.contentType = document, typeXML
	}
	meta, _, err := e.onBucket(ctx, r)
	return bucketAnswer{Bucket: in.Bucket, Region: in.Region}, meta, err
}

// headBucket answers bucket.head.
func (e *endpoint) headBucket(ctx context.Context, body []byte) (any, *provider.Meta, error) {
	var in bucketParams
	if err := decode(body, &in); err != nil {
		return nil, nil, err
	}
	meta, h, err := e.onBucket(ctx, &request{method: http.MethodHead, place: place{bucket: in.Bucket}})
	return bucketAnswer{Bucket: in.Bucket, Region: h.Get("X-Amz-Bucket-Region")}, meta, err
}

// deleteBucket answers bucket.delete.
func (e *endpoint) deleteBucket(ctx context.Context, body []byte) (any, *provider.Meta, error) {
	var in bucketParams
	if err := decode(body, &in); err != nil {
		return nil, nil, err
	}
	meta, _, err := e.onBucket(ctx, &request{method: http.MethodDelete, place: place{bucket: in.Bucket}})
	return bucketAnswer{Bucket: in.Bucket, Deleted: true}, meta, err
}

// onBucket sends a request about a bucket whose answer is in its header.
func (e *endpoint) onBucket(ctx context.Context, r *request) (*provider.Meta, http.Header, error) {
	if err := checkBucket("bucket", r.bucket); err != nil {
		return nil, nil, err
	}
	resp, err := e.finish(ctx, r)
	if err != nil {
		return nil, nil, err
	}
	return metaOf(resp), resp.Header, nil
}
