package admin

import (
	"net/http"
	"net/http/pprof"
	"strings"
)

// profilesRoot is where Go's profiles of the host are, for `go tool pprof`. They
// are no part of the API: what is there is up to Go.
const profilesRoot = "/debug/pprof/"

func profiles(w http.ResponseWriter, r *http.Request) {
	switch strings.TrimPrefix(r.URL.Path, profilesRoot) {
	case "profile":
		pprof.Profile(w, r)
	case "trace":
		pprof.Trace(w, r)
	default:
		pprof.Index(w, r) // the list, or the profile that the path names
	}
}
