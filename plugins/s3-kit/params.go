package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// number is an integer that may come as a text: in a query all values are.
type number int64

// UnmarshalJSON implements [json.Unmarshaler].
func (n *number) UnmarshalJSON(data []byte) error {
	v, err := strconv.ParseInt(strings.Trim(string(data), `"`), 10, 64)
	if err != nil {
		return errors.New("must be a whole number")
	}
	*n = number(v)
	return nil
}

// decode reads the parameters of an operation. Those that it does not know are
// refused: a misspelt condition must not become none.
func decode(body []byte, into any) error {
	if len(bytes.TrimSpace(body)) == 0 {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	err := d.Decode(into)
	if err == nil {
		if _, err = d.Token(); errors.Is(err, io.EOF) {
			return nil
		}
		return invalid("", "the parameters are more than one JSON object")
	}
	var mistyped *json.UnmarshalTypeError
	if errors.As(err, &mistyped) {
		return invalid(mistyped.Field, "%q must be a %s, not a %s", mistyped.Field, mistyped.Type.Kind(), mistyped.Value)
	}
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		name = strings.Trim(name, `"`)
		return invalid(name, "%q is not a parameter of this operation", name)
	}
	return invalid("", "the parameters cannot be read: %w", err)
}

// object are the parameters that name an object.
type object struct {
	Bucket    string `json:"bucket"`
	Key       string `json:"key"`
	VersionID string `json:"version_id"`
}

func (o *object) place() place { return place{o.Bucket, o.Key} }

func (o *object) check() error {
	if err := checkBucket("bucket", o.Bucket); err != nil {
		return err
	}
	return checkKey("key", o.Key)
}

// conditions are the parameters that make a request conditional.
type conditions struct {
	IfMatch           string `json:"if_match"`
	IfNoneMatch       string `json:"if_none_match"`
	IfModifiedSince   string `json:"if_modified_since"`
	IfUnmodifiedSince string `json:"if_unmodified_since"`
}

func (c *conditions) fields() []field {
	return []field{
		{"if_match", "If-Match", c.IfMatch}, {"if_none_match", "If-None-Match", c.IfNoneMatch},
		{"if_modified_since", "If-Modified-Since", c.IfModifiedSince},
		{"if_unmodified_since", "If-Unmodified-Since", c.IfUnmodifiedSince},
	}
}

// content are the parameters that are stored with an object.
type content struct {
	ContentType          string            `json:"content_type"`
	ContentEncoding      string            `json:"content_encoding"`
	ContentDisposition   string            `json:"content_disposition"`
	ContentLanguage      string            `json:"content_language"`
	CacheControl         string            `json:"cache_control"`
	Expires              string            `json:"expires"`
	StorageClass         string            `json:"storage_class"`
	ACL                  string            `json:"acl"`
	ServerSideEncryption string            `json:"server_side_encryption"`
	Metadata             map[string]string `json:"metadata"`
}

func (c *content) fields() []field {
	return []field{
		{"content_encoding", "Content-Encoding", c.ContentEncoding}, {"content_disposition", "Content-Disposition", c.ContentDisposition},
		{"content_language", "Content-Language", c.ContentLanguage}, {"cache_control", "Cache-Control", c.CacheControl},
		{"expires", "Expires", c.Expires}, {"storage_class", "X-Amz-Storage-Class", c.StorageClass}, {"acl", "X-Amz-Acl", c.ACL},
		{"server_side_encryption", "X-Amz-Server-Side-Encryption", c.ServerSideEncryption},
	}
}

// header checks the content and returns the headers that carry it.
func (c *content) header() (http.Header, error) {
	if !headerText(c.ContentType) {
		return nil, invalid("content_type", `"content_type" must be printable ASCII`)
	}
	h, err := headers(c.fields())
	if err != nil {
		return nil, err
	}
	for name, value := range c.Metadata {
		if !metadataName(name) {
			return nil, invalid("metadata", "the name %q in \"metadata\" must be letters, digits, dashes, dots and underscores", name)
		}
		if !headerText(value) {
			return nil, invalid("metadata", "the value of %q in \"metadata\" must be printable ASCII; encode what is not", name)
		}
		h.Set("X-Amz-Meta-"+name, value)
	}
	return h, nil
}

// field is a parameter that is sent as a header.
type field struct{ param, header, value string }

// headers makes headers of the fields that are set.
func headers(fields []field) (http.Header, error) {
	h := http.Header{}
	for _, f := range fields {
		if !headerText(f.value) {
			return nil, invalid(f.param, "%q must be printable ASCII", f.param)
		}
		if f.value != "" {
			h.Set(f.header, f.value)
		}
	}
	return h, nil
}

func metadataName(name string) bool {
	return name != "" && strings.IndexFunc(name, func(r rune) bool {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
		return !letter && !strings.ContainsRune("-._", r)
	}) < 0
}
