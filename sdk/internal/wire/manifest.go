package wire

import (
	"encoding/json"

	"google.golang.org/protobuf/types/known/structpb"

	pb "github.com/backplane-dev/backplane/sdk/internal/providerpb"
	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/schema"
)

// ToManifest converts m for the wire.
func ToManifest(m provider.Manifest) *pb.Manifest {
	return &pb.Manifest{
		Name:             text(m.Name),
		Version:          text(m.Version),
		Description:      text(m.Description),
		Homepage:         text(m.Homepage),
		License:          text(m.License),
		Sdk:              text(m.SDK),
		Protocols:        mapSlice(m.Protocols, func(v int) int32 { return int32(v) }),
		Capabilities:     texts(m.Capabilities),
		Operations:       mapSlice(m.Operations, toOperation),
		Settings:         toSchema(m.Settings),
		ProviderSettings: toSchema(m.ProviderSettings),
		Credential:       &pb.CredentialSpec{Env: texts(m.Credential.Env), Required: m.Credential.Required},
		Models:           &pb.ModelSpec{Default: text(m.Models.Default), Patterns: texts(m.Models.Patterns)},
		ForwardHeaders:   texts(m.ForwardHeaders),
		Limits: &pb.Limits{
			MaxRequestBytes:  m.Limits.MaxRequestBytes,
			MaxResponseBytes: m.Limits.MaxResponseBytes,
			MaxConcurrent:    int32(m.Limits.MaxConcurrent),
		},
		Exclusive: m.Exclusive,
	}
}

// FromManifest converts m from the wire; nil gives an empty manifest.
func FromManifest(m *pb.Manifest) provider.Manifest {
	return provider.Manifest{
		Name:             m.GetName(),
		Version:          m.GetVersion(),
		Description:      m.GetDescription(),
		Homepage:         m.GetHomepage(),
		License:          m.GetLicense(),
		SDK:              m.GetSdk(),
		Protocols:        mapSlice(m.GetProtocols(), func(v int32) int { return int(v) }),
		Capabilities:     m.GetCapabilities(),
		Operations:       mapSlice(m.GetOperations(), fromOperation),
		Settings:         fromSchema(m.GetSettings()),
		ProviderSettings: fromSchema(m.GetProviderSettings()),
		Credential:       provider.Credential{Env: m.GetCredential().GetEnv(), Required: m.GetCredential().GetRequired()},
		Models:           provider.Models{Default: m.GetModels().GetDefault(), Patterns: m.GetModels().GetPatterns()},
		ForwardHeaders:   m.GetForwardHeaders(),
		Limits: provider.Limits{
			MaxRequestBytes:  m.GetLimits().GetMaxRequestBytes(),
			MaxResponseBytes: m.GetLimits().GetMaxResponseBytes(),
			MaxConcurrent:    int(m.GetLimits().GetMaxConcurrent()),
		},
		Exclusive: m.GetExclusive(),
	}
}

// modes pairs the modes of the two vocabularies. A mode that this version does
// not know is left out of an operation.
var modes = []struct {
	name provider.Mode
	wire pb.Mode
}{
	{provider.ModeCall, pb.Mode_MODE_CALL},
	{provider.ModeStream, pb.Mode_MODE_STREAM},
	{provider.ModeTransfer, pb.Mode_MODE_TRANSFER},
}

func toOperation(op provider.Operation) *pb.Operation {
	out := &pb.Operation{Name: text(op.Name), Unsafe: op.Unsafe, Model: text(op.Model), Description: text(op.Description)}
	for _, given := range op.Modes {
		for _, m := range modes {
			if m.name == given {
				out.Modes = append(out.Modes, m.wire)
			}
		}
	}
	return out
}

func fromOperation(op *pb.Operation) provider.Operation {
	out := provider.Operation{Name: op.GetName(), Unsafe: op.GetUnsafe(), Model: op.GetModel(), Description: op.GetDescription()}
	for _, given := range op.GetModes() {
		for _, m := range modes {
			if m.wire == given {
				out.Modes = append(out.Modes, m.name)
			}
		}
	}
	return out
}

func toSchema(o schema.Object) *pb.SettingsSchema {
	return &pb.SettingsSchema{
		Attributes: mapSlice(o.Attributes, toAttribute),
		Blocks: mapSlice(o.Blocks, func(b schema.Block) *pb.Block {
			return &pb.Block{
				Name:        text(b.Name),
				Description: text(b.Description),
				Schema:      toSchema(b.Object),
				Required:    b.Required,
				Multiple:    b.Multiple,
			}
		}),
	}
}

func fromSchema(o *pb.SettingsSchema) schema.Object {
	return schema.Object{
		Attributes: mapSlice(o.GetAttributes(), fromAttribute),
		Blocks: mapSlice(o.GetBlocks(), func(b *pb.Block) schema.Block {
			return schema.Block{
				Name:        b.GetName(),
				Description: b.GetDescription(),
				Object:      fromSchema(b.GetSchema()),
				Required:    b.GetRequired(),
				Multiple:    b.GetMultiple(),
			}
		}),
	}
}

func toAttribute(a schema.Attribute) *pb.Attribute {
	return &pb.Attribute{
		Name:        text(a.Name),
		Type:        string(a.Type),
		Description: text(a.Description),
		Required:    a.Required,
		Default:     toValue(a.Default),
		Sensitive:   a.Sensitive,
		OneOf:       texts(a.OneOf),
		Min:         a.Min,
		Max:         a.Max,
		Pattern:     text(a.Pattern),
		Deprecated:  text(a.Deprecated),
		Env:         texts(a.Env),
	}
}

func fromAttribute(a *pb.Attribute) schema.Attribute {
	out := schema.Attribute{
		Name:        a.GetName(),
		Type:        schema.Type(a.GetType()),
		Description: a.GetDescription(),
		Required:    a.GetRequired(),
		Sensitive:   a.GetSensitive(),
		OneOf:       a.GetOneOf(),
		Min:         a.Min,
		Max:         a.Max,
		Pattern:     a.GetPattern(),
		Deprecated:  a.GetDeprecated(),
		Env:         a.GetEnv(),
	}
	if a.GetDefault() != nil {
		out.Default = a.GetDefault().AsInterface()
	}
	return out
}

// toValue converts a default. Going through JSON makes all Go types of one JSON
// value equal: an int and a float64, a []string and a []any. A value that is
// not JSON is left out; [provider.Manifest.Validate] reports it to the author.
func toValue(v any) *structpb.Value {
	if v == nil {
		return nil
	}
	data, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	value := &structpb.Value{}
	if err := value.UnmarshalJSON(data); err != nil {
		return nil
	}
	return value
}

// ToDiagnostics converts diagnostics for the wire.
func ToDiagnostics(diags []schema.Diagnostic) []*pb.Diagnostic {
	return mapSlice(diags, func(d schema.Diagnostic) *pb.Diagnostic {
		return &pb.Diagnostic{Path: text(d.Path), Warning: d.Warning, Summary: text(d.Summary), Detail: text(d.Detail)}
	})
}

// FromDiagnostics converts diagnostics from the wire.
func FromDiagnostics(diags []*pb.Diagnostic) []schema.Diagnostic {
	return mapSlice(diags, func(d *pb.Diagnostic) schema.Diagnostic {
		return schema.Diagnostic{Path: d.GetPath(), Warning: d.GetWarning(), Summary: d.GetSummary(), Detail: d.GetDetail()}
	})
}
