package main

import (
	"encoding/json"
	"fmt"
	"regexp"

	"github.com/backplane-dev/backplane/sdk/openaicompat"
	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/schema"
)

// The values of the setting "api".
const (
	apiKServe = "kserve"
	apiTFS    = "tfs"
)

// latest as a version leaves the choice to the server.
const latest = "latest"

// settings are those beside the address, headers, timeouts and proxy that every
// provider has.
var settings = []openaicompat.Setting{
	{Attribute: schema.Attribute{
		Name: "api", Type: schema.String, Default: apiKServe, OneOf: []string{apiKServe, apiTFS},
		Description: "Which API tells about models: KServe's, or TensorFlow Serving's of servers before 2026.3, which have no infer then but predict.",
	}},
	{Attribute: schema.Attribute{
		Name: "version", Type: schema.String, Env: []string{"OVMS_VERSION"},
		Description: `Version of the model where a request names none; absent or "latest", the server chooses.`,
	}},
	{Attribute: schema.Attribute{
		Name: "input_name", Type: schema.String, Default: "data",
		Description: "Name of the tensor that is made of data without names.",
	}},
	{Attribute: schema.Attribute{
		Name: "datatype", Type: schema.String, Default: "FP32", OneOf: numberTypes,
		Description: "Type of the tensors that are made of numbers where a request names none.",
	}},
}

// numberTypes are KServe's types of numbers.
var numberTypes = []string{
	"FP16", "BF16", "FP32", "FP64", "INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64",
}

// ownSettings are the settings above, decoded.
type ownSettings struct {
	API       string `json:"api"`
	Version   string `json:"version"`
	InputName string `json:"input_name"`
	Datatype  string `json:"datatype"`
}

// check reports what the schema cannot see.
func (s *ownSettings) check() error {
	if s.Version == latest {
		s.Version = ""
	}
	if s.Version == "" || numeric.MatchString(s.Version) {
		return nil
	}
	return &provider.ConfigError{Diagnostics: []schema.Diagnostic{{
		Path: "version", Summary: "Invalid version", Detail: `"version" must be a number, as the name of the version's folder is, or "latest".`,
	}}}
}

// numeric is what the server takes as a version.
var numeric = regexp.MustCompile(`^[0-9]{1,18}$`)

// versionEnd is the part of an address that clients of the server's APIs write
// and that the operations' paths have by themselves.
var versionEnd = regexp.MustCompile(`/v[123]/*$`)

func serverRoot(address string) string { return versionEnd.ReplaceAllString(address, "") }

// generativeSettings leaves out the settings that the generative part does not
// know.
func generativeSettings(all provider.Settings) (provider.Settings, error) {
	fields := map[string]json.RawMessage{}
	if err := json.Unmarshal(all.JSON(), &fields); err != nil {
		return provider.Settings{}, fmt.Errorf("decode settings: %w", err)
	}
	for _, s := range settings {
		delete(fields, s.Name)
	}
	raw, err := json.Marshal(fields)
	if err != nil {
		return provider.Settings{}, fmt.Errorf("encode settings: %w", err)
	}
	return provider.NewSettings(raw), nil
}
