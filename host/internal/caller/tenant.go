package caller

import (
	"crypto/sha256"
	"encoding/hex"
	"hash/maphash"
	"strings"
	"sync/atomic"
)

// maxTenant is the longest name of a tenant that is shown as it is.
const maxTenant = 64

// TenantOfKey names the tenant of a key without giving it away: "key-" and the
// first twelve hexadecimal digits of the key's SHA-256, so that an operator who
// has the key can tell which tenant it is:
//
//	printf %s "$KEY" | sha256sum | head -c 12
//
// The word Bearer in front of the key, as in the header Authorization, does not
// count. No key is the tenant "".
func TenantOfKey(key string) string {
	if scheme, rest, found := strings.Cut(key, " "); found && strings.EqualFold(scheme, "bearer") {
		key = strings.TrimLeft(rest, " ")
	}
	if key == "" {
		return ""
	}
	return names.of(key)
}

// names are the names of keys that were seen lately. Keys come again and again,
// and a digest takes longer than all else that is done with a request's headers.
var names memory

// memory keeps names by key, each in the place that the key's hash gives it, from
// which the next key of that place drives it out. It is safe for concurrent use.
type memory [256]atomic.Pointer[named]

type named struct{ key, tenant string }

// maxKnown is the longest key that is kept.
const maxKnown = 256

var seed = maphash.MakeSeed()

// of returns the name of a key.
func (m *memory) of(key string) string {
	if len(key) > maxKnown {
		return digest("key-", key)
	}
	place := &m[maphash.String(seed, key)%uint64(len(m))]
	if known := place.Load(); known != nil && known.key == key {
		return known.tenant
	}
	made := &named{strings.Clone(key), digest("key-", key)} // the key is a part of a whole head
	place.Store(made)
	return made.tenant
}

// TenantOfName is the tenant that a header names. What would not be readable in
// a list, since it is long or has other than printable ASCII characters, is
// shown as "tenant-" and a digest like that of [TenantOfKey].
func TenantOfName(name string) string {
	if len(name) <= maxTenant && readable(name) {
		return name
	}
	return digest("tenant-", name)
}

// readable reports whether s is of printable ASCII characters alone.
func readable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// digest is the prefix and the beginning of the text's SHA-256: 48 bits, which
// tell the tenants of one host apart and are too few to be the key.
func digest(prefix, text string) string {
	var room [256]byte // a short text stays on the stack
	sum := sha256.Sum256(append(room[:0], text...))
	return string(hex.AppendEncode(append(room[:0], prefix...), sum[:6]))
}
