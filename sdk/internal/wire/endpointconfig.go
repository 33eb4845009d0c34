package wire

import (
	pb "github.com/backplane-dev/backplane/sdk/internal/providerpb"
	"github.com/backplane-dev/backplane/sdk/provider"
)

// ToEndpointConfig converts the configuration of an endpoint.
func ToEndpointConfig(cfg provider.EndpointConfig) *pb.OpenEndpointRequest {
	out := &pb.OpenEndpointRequest{
		EndpointId:   text(cfg.ID),
		Revision:     cfg.Revision,
		Model:        text(cfg.Model),
		SettingsJson: cfg.Settings.JSON(),
	}
	if !cfg.Credential.IsZero() {
		out.Credential = []byte(cfg.Credential.Reveal())
	}
	return out
}

// fromEndpointConfig is its counterpart; settings are given apart, since they
// have been checked and completed.
func fromEndpointConfig(in *pb.OpenEndpointRequest, settings []byte) provider.EndpointConfig {
	return provider.EndpointConfig{
		ID:         in.GetEndpointId(),
		Revision:   in.GetRevision(),
		Model:      in.GetModel(),
		Credential: provider.NewSecret(string(in.GetCredential())),
		Settings:   provider.NewSettings(settings),
	}
}

// ToCloseEndpoint makes the request that closes an endpoint.
func ToCloseEndpoint(id string) *pb.CloseEndpointRequest {
	return &pb.CloseEndpointRequest{EndpointId: text(id)}
}
