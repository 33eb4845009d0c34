// Package wire is the one place where the vocabulary of sdk/provider meets the
// generated types of backplane.provider.v1.
//
// It holds three things: conversions in both directions ([ToManifest],
// [FromManifest], [ToEnvelope], ...), errors as gRPC statuses and back
// ([ToStatus], [FromStatus]), and the server that offers a [provider.Provider]
// as a ProviderService ([Register]). sdk.Serve and the conformance kit use the
// server, sdk/client the conversions. Nobody else sees protobuf types.
package wire
