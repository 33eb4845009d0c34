package main

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// place is where a bucket or an object is found.
type place struct {
	bucket, key string
}

// hostBucket matches the buckets that can be a part of a host. One with dots
// would fall out of the certificate's wildcard.
var hostBucket = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$`)

// anyBucket is as wide as vendors' rules get; the service knows its own.
var anyBucket = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,254}$`)

// locate returns the subdomain, "" for none, and the escaped path of a place.
func (c *config) locate(p place) (subdomain, path string) {
	path = "/" + escape(p.key)
	if p.bucket == "" {
		return "", "/"
	}
	inHost := c.PathStyle != nil && !*c.PathStyle
	if inHost && (hostBucket.MatchString(p.bucket) || c.base.Scheme == "http" && !strings.Contains(p.bucket, "..")) {
		return p.bucket, path
	}
	if p.key == "" {
		return "", "/" + p.bucket
	}
	return "", "/" + p.bucket + path
}

// host is the host to which requests with the subdomain go.
func (c *config) host(subdomain string) string {
	if subdomain == "" {
		return c.base.Host
	}
	return subdomain + "." + c.base.Host
}

// escape writes a key into a path. Each byte that is not unreserved is escaped,
// which is more than URLs need and what signatures are made of.
func escape(key string) string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(key) {
		switch c := key[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte("-._~/", c) >= 0:
			b.WriteByte(c)
		default:
			b.Write([]byte{'%', digits[c>>4], digits[c&15]})
		}
	}
	return b.String()
}

// checkBucket refuses what could lead to another place than the one meant.
func checkBucket(param, bucket string) error {
	switch {
	case bucket == "":
		return invalid(param, "%q is missing; give the name of a bucket", param)
	case !anyBucket.MatchString(bucket):
		return invalid(param, "%q must be the name of a bucket: letters, digits, dots, dashes", param)
	default:
		return nil
	}
}

func checkKey(param, key string) error {
	switch {
	case key == "":
		return invalid(param, "%q is missing; give the key of an object", param)
	case !utf8.ValidString(key):
		return invalid(param, "%q must be UTF-8", param)
	case key == "." || key == ".." || strings.HasPrefix(key, "../") || strings.HasPrefix(key, "./") ||
		strings.Contains(key, "/../") || strings.Contains(key, "/./") || strings.HasSuffix(key, "/..") || strings.HasSuffix(key, "/."):
		return invalid(param, "%q has a part %q or %q, which proxies and services resolve to another key", param, ".", "..")
	default:
		return nil
	}
}

// headerText reports whether text can be sent in a header as it is.
func headerText(text string) bool {
	for i := range len(text) {
		if text[i] < ' ' || text[i] > '~' {
			return false
		}
	}
	return true
}
