package openaicompat

import (
	"slices"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// Field is a field of requests that a service cannot honour.
type Field struct {
	Name string
	// Harmless are values, as JSON without white space, with which the field asks
	// for nothing; null is one always.
	Harmless []string
	// Why completes the sentence that begins with the field's name, as in "is not
	// offered; leave it out".
	Why string
}

// RefuseFields returns an [Operation.Request] that refuses requests with one of
// the fields, for services that would ignore it or answer in words that help
// nobody. What the service itself refuses clearly need not be listed.
func RefuseFields(fields ...Field) func(body []byte) ([]byte, error) {
	return func(body []byte) ([]byte, error) {
		var refused error
		err := eachParameter(body, func(key string, raw []byte) {
			for i := range fields {
				f := &fields[i]
				if f.Name != key || string(raw) == "null" || slices.Contains(f.Harmless, string(raw)) || refused != nil {
					continue
				}
				e := provider.Errorf(provider.CodeInvalidRequest, "field %q %s", f.Name, f.Why)
				e.Param, e.Source = f.Name, provider.SourceCaller
				refused = e
			}
		})
		if refused == nil {
			refused = err
		}
		return body, refused
	}
}
