package main

import (
	"crypto/sha256"
	"encoding/base64"
	"hash"
	"hash/crc32"
)

// checksum is a sum that bytes should have.
type checksum struct {
	name string
	hash hash.Hash
	want string // base64
}

// checksums are those of one object.
type checksums []checksum

// newChecksums makes those that are given, in base64. What has another length
// than the sum of a whole object is left out.
func newChecksums(sha, crc string) checksums {
	var all checksums
	for _, c := range []checksum{{"checksum_sha256", sha256.New(), sha}, {"checksum_crc32", crc32.NewIEEE(), crc}} {
		if raw, err := base64.StdEncoding.DecodeString(c.want); err == nil && len(raw) == c.hash.Size() {
			all = append(all, c)
		}
	}
	return all
}

func (s checksums) write(p []byte) {
	for _, c := range s {
		_, _ = c.hash.Write(p) // never fails
	}
}

// wrong names the first sum that is not as it should be, "" if all are.
func (s checksums) wrong() string {
	for _, c := range s {
		if base64.StdEncoding.EncodeToString(c.hash.Sum(nil)) != c.want {
			return c.name
		}
	}
	return ""
}
