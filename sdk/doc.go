// Package sdk turns a [provider.Provider] into a plugin binary. It is the whole
// of a plugin's main:
//
//	func main() { sdk.Serve(myprovider.New()) }
//
// The other packages of the SDK: provider is the vocabulary, schema describes
// settings, rest speaks HTTP with the service, openaicompat is a whole provider
// for services that speak OpenAI's dialect, providertest checks a provider
// against the contract. Start with provider.
package sdk
