// Package providertest is the contract between Backplane and a provider, as
// tests. The reader is the author of a provider.
//
// In the provider's own tests, in process and over the real wire:
//
//	func TestConformance(t *testing.T) {
//		providertest.Run(t, providertest.Harness{New: New})
//	}
//
// Against a built binary in any language, in Go tests with [RunBinary], from
// code with [Check], or on the command line with
//
//	backplane conformance ./backplane-provider-mine
//
// All run the same cases. Each has a name, a reason and, when it fails, an
// advice. A case that does not apply to a provider is reported as skipped with
// the reason; no case passes without having looked.
//
// # What the kit puts in place of the service
//
// Most of what a provider can get wrong shows only in its dealings with the
// service behind it: how it classifies errors, whether it lets go of a cancelled
// request, whether it repeats one by itself. The kit therefore stands in for the
// service. A provider whose manifest declares the setting base_url is pointed to
// a fake service on loopback that speaks OpenAI's dialect; the real one is never
// contacted. For a service with another dialect give a [Service] of your own, of
// which the kit needs no more than healthy answers: it makes the slow, broken
// and unkind ones itself. [ServiceAt] takes them from a server in any language,
// and [ReadProfile] what else the kit should know from a file. A provider without any service (or with [NoService]) is
// checked for everything else.
//
// [Dial] connects to a provider in process over the real wire, for tests that
// the kit does not have.
package providertest
