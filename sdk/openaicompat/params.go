package openaicompat

import (
	"bytes"
	"maps"
	"net/url"
	"strings"

	"github.com/backplane-dev/backplane/sdk/openaicompat/internal/jsonscan"
	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/rest"
)

// fillPath puts parameters of the JSON body into the path and returns their names.
func fillPath(out *rest.Request, op *Operation, body []byte) (used []string, err error) {
	path := op.Path
	for {
		before, rest, found := strings.Cut(path, "{")
		if !found {
			out.Path = path
			return used, nil
		}
		name, after, _ := strings.Cut(rest, "}")
		value, err := pathParameter(name, body)
		if err != nil {
			return nil, err
		}
		path = before + url.PathEscape(value) + after
		used = append(used, name)
	}
}

// pathParameter reads a parameter that must be there. Dots alone would lead to
// another place than the path says.
func pathParameter(name string, body []byte) (string, error) {
	value, found := "", false
	err := eachParameter(body, func(key string, raw []byte) {
		if key == name {
			value, found = scalar(raw)
		}
	})
	if err != nil {
		return "", err
	}
	if !found || value == "" || value == "." || value == ".." {
		e := provider.Errorf(provider.CodeInvalidRequest, "%q must be given, as a string", name)
		e.Param, e.Source = name, provider.SourceCaller
		return "", e
	}
	return value, nil
}

// fillQuery makes query parameters of what is left of the JSON body: strings,
// numbers and booleans, and lists of them as repeated parameters.
func fillQuery(out *rest.Request, body []byte, used []string) error {
	query := url.Values{}
	maps.Copy(query, out.Query)
	skip := append(used, "model", "stream") // of no meaning where there is no body
	err := eachParameter(body, func(key string, raw []byte) {
		for _, name := range skip {
			if key == name {
				return
			}
		}
		if value, ok := scalar(raw); ok {
			query.Set(key, value)
			return
		}
		list := jsonscan.NewArray(raw)
		for list.Next() {
			if value, ok := scalar(list.Value()); ok {
				query.Add(key, value)
			}
		}
	})
	out.Query = query
	return err
}

// eachParameter calls fn for the members of the operation's JSON body. No body
// at all is one without members.
func eachParameter(body []byte, fn func(key string, raw []byte)) error {
	if len(bytes.TrimSpace(body)) == 0 {
		return nil
	}
	o := jsonscan.NewObject(body)
	for o.Next() {
		fn(text(body[o.KeyStart:o.KeyEnd]), o.Value())
	}
	if err := o.Err(); err != nil {
		return badBody(err)
	}
	return nil
}

// scalar returns a string, a number or a boolean as text.
func scalar(raw []byte) (string, bool) {
	switch c := raw[0]; {
	case c == '"':
		return text(raw), true
	case c == '{', c == '[', c == 'n':
		return "", false
	default:
		return string(raw), true
	}
}

// badBody is the error of a request body that is not a JSON object.
func badBody(err error) *provider.Error {
	e := provider.Errorf(provider.CodeInvalidRequest, "the request body is not a JSON object: %w", err)
	e.Source = provider.SourceCaller
	return e
}

// given returns a parameter of the JSON body as text, "" if it is not there.
func given(body []byte, name string) string {
	value := ""
	_ = eachParameter(body, func(key string, raw []byte) { // whoever uses the body finds what is wrong with it
		if key == name {
			value, _ = scalar(raw)
		}
	})
	return value
}

// formTexts returns a JSON value as the texts of form fields.
func formTexts(raw []byte) []string {
	if value, ok := scalar(raw); ok {
		return []string{value}
	}
	switch raw[0] {
	case 'n':
		return nil
	case '{':
		return []string{string(raw)}
	}
	var values []string
	list := jsonscan.NewArray(raw)
	for list.Next() {
		values = append(values, formTexts(list.Value())...)
	}
	return values
}

// modelPath is the path of the model that a request is for.
func (e *endpoint) modelPath(op *Operation, asked string, body []byte) (string, error) {
	model := asked
	if model == "" {
		model = given(body, "model")
	}
	if model == "" {
		model = e.chooseModel(op)
	}
	return ModelPath(model)
}

// ModelPath makes a path of a model's name, for services that serve each model
// at an address of its own. The slashes in the name are those of the path.
func ModelPath(model string) (string, error) {
	path := ""
	for segment := range strings.SplitSeq(model, "/") {
		if segment == "" || segment == "." || segment == ".." {
			err := provider.Errorf(provider.CodeInvalidRequest, "model %q is no path at this service; name one such as \"owner/model\"", model)
			err.Param, err.Source = "model", provider.SourceCaller
			return "", err
		}
		path += "/" + url.PathEscape(segment)
	}
	return path, nil
}
