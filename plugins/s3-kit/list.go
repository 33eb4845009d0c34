package main

import (
	"context"
	"encoding/xml"
	"net/http"
	"net/url"
	"strconv"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// listParams are the parameters of object.list.
type listParams struct {
	Bucket     string  `json:"bucket"`
	Prefix     string  `json:"prefix"`
	Delimiter  string  `json:"delimiter"`
	MaxKeys    *number `json:"max_keys"`
	Token      string  `json:"continuation_token"`
	StartAfter string  `json:"start_after"`
}

// page is one page of a list, as the service writes it.
type page struct {
	XMLName  xml.Name `xml:"ListBucketResult"`
	Encoding string   `xml:"EncodingType"`
	Objects  []struct {
		Key, LastModified, ETag, StorageClass string
		Size                                  int64
	} `xml:"Contents"`
	Prefixes []struct{ Prefix string } `xml:"CommonPrefixes"`
	More     bool                      `xml:"IsTruncated"`
	Next     string                    `xml:"NextContinuationToken"`
}

// listed is the answer of object.list.
type listed struct {
	Bucket    string         `json:"bucket"`
	Prefix    string         `json:"prefix"`
	Delimiter string         `json:"delimiter,omitempty"`
	Objects   []listedObject `json:"objects"`
	Prefixes  []string       `json:"prefixes"`
	Truncated bool           `json:"truncated"`
	Next      string         `json:"next_continuation_token,omitempty"`
}

type listedObject struct {
	Key          string `json:"key"`
	Size         int64  `json:"size"`
	ETag         string `json:"etag,omitempty"`
	LastModified string `json:"last_modified,omitempty"`
	StorageClass string `json:"storage_class,omitempty"`
}

// list answers object.list with one page.
func (e *endpoint) list(ctx context.Context, body []byte) (any, *provider.Meta, error) {
	var in listParams
	if err := decode(body, &in); err != nil {
		return nil, nil, err
	}
	query, err := in.query()
	if err != nil {
		return nil, nil, err
	}
	var got page
	resp, err := e.fetch(ctx, &request{method: http.MethodGet, place: place{bucket: in.Bucket}, query: query}, "ListBucketResult", &got)
	if err != nil {
		return nil, nil, err
	}
	out := listed{Bucket: in.Bucket, Prefix: in.Prefix, Delimiter: in.Delimiter, Objects: []listedObject{}, Prefixes: []string{},
		Truncated: got.More, Next: got.Next}
	for _, o := range got.Objects {
		out.Objects = append(out.Objects, listedObject{got.plain(o.Key), o.Size, o.ETag, o.LastModified, o.StorageClass})
	}
	for _, p := range got.Prefixes {
		out.Prefixes = append(out.Prefixes, got.plain(p.Prefix))
	}
	if got.More && got.Next == "" {
		return nil, nil, &provider.Error{Code: provider.CodeProtocol, Source: provider.SourceUpstream, StatusCode: resp.Status,
			Message: "the service says that there are more objects, but not how to ask for them"}
	}
	return out, metaOf(resp), nil
}

func (in *listParams) query() (url.Values, error) {
	if err := checkBucket("bucket", in.Bucket); err != nil {
		return nil, err
	}
	// XML cannot hold all characters that a key can.
	q := url.Values{"list-type": {"2"}, "encoding-type": {"url"}}
	for name, value := range map[string]string{
		"prefix": in.Prefix, "delimiter": in.Delimiter, "continuation-token": in.Token, "start-after": in.StartAfter,
	} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if in.MaxKeys != nil {
		if *in.MaxKeys < 1 || *in.MaxKeys > 1000 {
			return nil, invalid("max_keys", `"max_keys" must be from 1 to 1000, the most that a page can have; ask for the next with "continuation_token"`)
		}
		q.Set("max-keys", strconv.FormatInt(int64(*in.MaxKeys), 10))
	}
	return q, nil
}

// plain returns a key as it is. Services that do not encode say so by silence.
func (p *page) plain(key string) string {
	if p.Encoding == "url" {
		if decoded, err := url.QueryUnescape(key); err == nil {
			return decoded
		}
	}
	return key
}
