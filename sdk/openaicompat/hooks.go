package openaicompat

import (
	"regexp"

	"github.com/backplane-dev/backplane/sdk/openaicompat/internal/jsonscan"
	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/rest"
)

// requestBody returns the body that a request is made of.
func (d *Dialect) requestBody(op *Operation, body []byte) ([]byte, error) {
	if op.Request != nil {
		changed, err := op.Request(body)
		if err != nil {
			return nil, err
		}
		body = changed
	}
	return d.serviceMessages(op, body), nil
}

// complete makes the canonical answer of a raw one.
func (op *Operation) complete(out *provider.Response) error {
	if op.Answer == nil {
		return nil
	}
	return op.Answer(out)
}

// versionSegment is the end of a base URL that names the API's version.
var versionSegment = regexp.MustCompile(`/v[0-9]+[a-z0-9.]*/?$`)

// rootOf returns the address beside whose version the service's own paths lie.
func rootOf(baseURL string) string { return versionSegment.ReplaceAllString(baseURL, "") }

// rootClient makes the client for operations at the root; without any, and
// where the address has no version, it is the same as the other.
func (p *compatible) rootClient(client *rest.Client, s *settings) (*rest.Client, error) {
	root := rootOf(s.BaseURL)
	for i := range p.dialect.Operations {
		if p.dialect.Operations[i].AtRoot && root != s.BaseURL {
			options := p.dialect.options(s)
			options.BaseURL = root
			return rest.New(options)
		}
	}
	return client, nil
}

// clientOf returns the client for an operation.
func (e *endpoint) clientOf(op *Operation) *rest.Client {
	if op.AtRoot {
		return e.root
	}
	return e.client
}

// readGroq reads what Groq puts beside the chunks of OpenAI's: the usage of a
// stream, and the error that ended it.
func (f *facts) readGroq(raw []byte) {
	if len(raw) == 0 || raw[0] != '{' {
		return
	}
	o := jsonscan.NewObject(raw)
	for o.Next() {
		switch {
		case o.Is("usage") && !f.used:
			f.usage, f.used = readUsage(o.Value())
		case o.Is("error") && truthy(o.Value()):
			f.failed, f.inner = true, raw
		}
	}
}
