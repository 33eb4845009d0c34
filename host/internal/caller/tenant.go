package caller

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
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
	return digest("key-", key)
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
