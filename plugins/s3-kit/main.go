// Command backplane-provider-s3-kit puts an object store behind Backplane:
// Amazon S3, or any service that speaks its API.
package main

import "github.com/backplane-dev/backplane/sdk"

func main() { sdk.Serve(New()) }
