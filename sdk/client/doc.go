// Package client is the host's side of the wire: a [Conn] speaks with one
// running plugin in the vocabulary of sdk/provider.
//
// Every error that a method returns is a [*provider.Error]. What the plugin said
// comes back as it was sent; a fault of the transport is CodePluginUnavailable
// of SourceHost; the end of the caller's context is CodeCanceled or CodeTimeout.
//
// How a call travels is this package's secret. Programs that embed the host use
// package host instead; this one is for hosts and for test kits.
package client
