package config

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/backplane-dev/backplane/sdk/schema"
)

// checkReferences reports names that lead nowhere or to two things.
func (f *File) checkReferences() {
	if f.server != nil {
		f.checkAddress("listen", false)
		f.checkAddress("admin", true)
		f.checkTenants()
		f.checkHeader(f.server, "priority_header", DefaultPriorityHeader)
	}
	for _, s := range f.endpoints {
		f.checkProvider(s)
	}
	for _, s := range f.routes {
		f.checkRoute(s)
	}
}

// checkAddress checks an address of the server block.
func (f *File) checkAddress(name string, admin bool) {
	s := f.server
	addr, given := s.values[name].(string)
	if !given || isAddress(addr) || admin && (addr == "off" || strings.HasPrefix(addr, "unix:/")) {
		return
	}
	want := `"127.0.0.1:8080", or ":8080" for all interfaces`
	if admin {
		want = `"unix:/path/of/socket", "127.0.0.1:9090" or "off"`
	}
	f.errorAt(s, name, s.places[name].value, "Invalid address", fmt.Sprintf("%q must be an address, for example %s%s.", name, want, s.butIs(name)))
}

// isAddress reports whether addr is host:port with a port number.
func isAddress(addr string) bool {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	_, err = strconv.ParseUint(port, 10, 16)
	return err == nil
}

func (f *File) checkProvider(s *section) {
	name, known := s.str("provider"), f.ProviderNames()
	if name == "" || slices.Contains(known, name) {
		return // absent is reported as missing
	}
	f.errorAt(s, "provider", s.places["provider"].value, "Unknown provider",
		s.unknown("provider", "provider", name, known, fmt.Sprintf("Add a block: provider %q {}.", name)))
}

func (f *File) checkRoute(s *section) {
	ids := labels(f.endpoints)
	if slices.Contains(ids, s.label) {
		f.errorAt(s, "", s.labelRange, "Ambiguous name",
			fmt.Sprintf("%q is the id of an endpoint and the name of a route; requests for it would never take the route. Rename one of them.", s.label))
	}
	seen := make(map[string]bool)
	for i, id := range stringsIn(s.values["endpoints"]) {
		path := "endpoints[" + strconv.Itoa(i) + "]"
		at, _ := s.locate(path)
		switch {
		case !slices.Contains(ids, id):
			f.errorAt(s, path, at.value, "Unknown endpoint",
				s.unknown("endpoints", "endpoint", id, ids, fmt.Sprintf("Add a block: endpoint %q { ... }.", id)))
		case seen[id]:
			f.errorAt(s, path, at.value, "Duplicate endpoint", fmt.Sprintf("The endpoint %q is in the list already. Remove it.", id))
		}
		seen[id] = true
	}
	f.checkWeights(s, seen)
	f.checkHeader(s, "sticky", "x-session-id")
}

// unknown says that a name leads nowhere and what to write instead. A name that
// came from the environment or a file is not quoted.
func (s *section) unknown(path, kindName, name string, known []string, otherwise string) string {
	if s.external[path] {
		return fmt.Sprintf("There is no %s of the name that the function returns.", kindName)
	}
	return fmt.Sprintf("There is no %s %q.%s", kindName, name, instead(kindName, name, known, otherwise))
}

func instead(kindName, name string, known []string, otherwise string) string {
	if near := schema.Nearest(name, known); near != "" {
		return fmt.Sprintf(" Did you mean %q?", near)
	}
	if len(known) == 0 || len(known) > 20 {
		return " " + otherwise
	}
	quoted := make([]string, len(known))
	for i, k := range known {
		quoted[i] = strconv.Quote(k)
	}
	return fmt.Sprintf(" Known %ss: %s. %s", kindName, strings.Join(quoted, ", "), otherwise)
}

func labels(sections []*section) []string {
	out := make([]string, len(sections))
	for i, s := range sections {
		out[i] = s.label
	}
	return out
}

// sentence makes a sentence of an error's text.
func sentence(text string) string {
	if text == "" {
		return text
	}
	return strings.ToUpper(text[:1]) + strings.TrimRight(text[1:], ". ") + "."
}
