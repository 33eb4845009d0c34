package hf

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/schema"
)

// WithOwn returns the settings of a dialect with a plugin's own after the
// address, and the address described as both servers take it.
func WithOwn(o schema.Object, own ...schema.Attribute) schema.Object {
	all := slices.Clone(o.Attributes)
	for i := range all {
		if all[i].Name == "base_url" {
			all[i].Description = "Address of the server, with or without /v1 at its end."
		}
	}
	return schema.Object{Attributes: slices.Insert(all, 1, own...)}
}

// Split decodes a plugin's own settings into the struct that v points to, and
// returns those of the dialect.
func Split(in provider.Settings, v any, own ...schema.Attribute) (provider.Settings, error) {
	var all map[string]json.RawMessage
	if err := in.Decode(&all); err != nil {
		return in, err
	}
	mine := map[string]json.RawMessage{}
	for _, a := range own {
		if value, there := all[a.Name]; there {
			mine[a.Name] = value
			delete(all, a.Name)
		}
	}
	ours, err := json.Marshal(mine)
	if err != nil {
		return in, fmt.Errorf("decode settings: %w", err)
	}
	rest, err := json.Marshal(all)
	if err != nil {
		return in, fmt.Errorf("decode settings: %w", err)
	}
	return provider.NewSettings(rest), provider.NewSettings(ours).Decode(v)
}
