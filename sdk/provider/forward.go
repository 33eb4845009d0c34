package provider

import (
	"slices"
	"strings"
)

// privateHeaders are never passed on: the caller's credentials are meant for
// the host, and the rest describes the caller's own connection.
var privateHeaders = []string{
	"authorization", "proxy-authorization", "cookie", "api-key", "x-api-key", "x-goog-api-key", "x-auth-token",
	"host", "connection", "content-length", "transfer-encoding", "upgrade",
}

// MayForward reports whether a header of the caller may be passed on to a
// plugin that asks for it in [Manifest.ForwardHeaders]. It is false for
// credentials, for what describes the caller's connection, for Backplane's own
// headers, and for names that are not written in lower case.
func MayForward(name string) bool {
	return name == strings.ToLower(name) && !slices.Contains(privateHeaders, name) && !strings.HasPrefix(name, "x-backplane-")
}
