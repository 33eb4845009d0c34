// Command backplane-provider-echo is Backplane's sample provider. It answers
// with the prompt's own words, needs no key and no network, and can be told to
// be slow, to fail and to crash, so that queue, retry and circuit breaker can
// be watched at work. Its folder is the template for a provider of your own.
package main

import "github.com/backplane-dev/backplane/sdk"

func main() { sdk.Serve(New()) }
