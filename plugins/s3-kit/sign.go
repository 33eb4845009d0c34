package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

const (
	algorithm = "AWS4-HMAC-SHA256"
	longTime  = "20060102T150405Z"
	// unsignedPayload stands in for the hash of a body that is sent while it
	// arrives: its hash is known too late.
	unsignedPayload = "UNSIGNED-PAYLOAD"
)

// message is what is signed of a request. path and query are as they are sent.
type message struct {
	method, host, path string
	query              url.Values
	header             http.Header
	payload            string // hash of the body
}

// sign adds the headers with which a request is signed (Signature Version 4).
func (c *config) sign(m *message, now time.Time) {
	date := now.UTC().Format(longTime)
	m.header.Set("X-Amz-Date", date)
	m.header.Set("X-Amz-Content-Sha256", m.payload)
	if token := c.SessionToken.Reveal(); token != "" {
		m.header.Set("X-Amz-Security-Token", token)
	}
	signature, signed := c.signature(m, date)
	m.header.Set("Authorization", algorithm+" Credential="+c.AccessKey.Reveal()+"/"+c.scope(date)+
		", SignedHeaders="+signed+", Signature="+signature)
}

// presignQuery adds the parameters that make a URL work by itself until it
// expires. The headers of m must then be sent with it.
func (c *config) presignQuery(m *message, expires string, now time.Time) {
	date := now.UTC().Format(longTime)
	names, _ := canonicalHeaders(m)
	m.query.Set("X-Amz-Algorithm", algorithm)
	m.query.Set("X-Amz-Credential", c.AccessKey.Reveal()+"/"+c.scope(date))
	m.query.Set("X-Amz-Date", date)
	m.query.Set("X-Amz-Expires", expires)
	m.query.Set("X-Amz-SignedHeaders", names)
	if token := c.SessionToken.Reveal(); token != "" {
		m.query.Set("X-Amz-Security-Token", token)
	}
	signature, _ := c.signature(m, date)
	m.query.Set("X-Amz-Signature", signature)
}

// scope says for which day, region and service a signature counts.
func (c *config) scope(date string) string { return date[:8] + "/" + c.Region + "/s3/aws4_request" }

func (c *config) signature(m *message, date string) (signature, signedHeaders string) {
	names, lines := canonicalHeaders(m)
	request := strings.Join([]string{m.method, m.path, encodeQuery(m.query), lines, names, m.payload}, "\n")
	text := strings.Join([]string{algorithm, date, c.scope(date), hexHash([]byte(request))}, "\n")
	key := []byte("AWS4" + c.SecretKey.Reveal())
	for _, step := range []string{date[:8], c.Region, "s3", "aws4_request"} {
		key = mac(key, step)
	}
	return hex.EncodeToString(mac(key, text)), names
}

// canonicalHeaders returns the names of the signed headers, and their lines:
// the host and all that the caller of sign has set.
func canonicalHeaders(m *message) (names, lines string) {
	values := map[string]string{"host": m.host}
	for name, list := range m.header {
		values[strings.ToLower(name)] = strings.Join(strings.Fields(strings.Join(list, ",")), " ")
	}
	sorted := slices.Sorted(maps.Keys(values))
	var b strings.Builder
	for _, name := range sorted {
		b.WriteString(name + ":" + values[name] + "\n")
	}
	return strings.Join(sorted, ";"), b.String()
}

// encodeQuery writes a query as it is sent and signed: sorted, and with %20 for
// a space.
func encodeQuery(q url.Values) string { return strings.ReplaceAll(q.Encode(), "+", "%20") }

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

func hexHash(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
