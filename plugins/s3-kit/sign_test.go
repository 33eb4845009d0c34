package main

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// The keys, requests and signatures of Amazon's own examples of Signature
// Version 4 for S3.
var (
	exampleTime   = time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC)
	exampleConfig = &config{
		Region: "us-east-1", AccessKey: provider.NewSecret("AKIAIOSFODNN7EXAMPLE"),
		SecretKey: provider.NewSecret("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
	}
)

const exampleHost = "examplebucket.s3.amazonaws.com"

func TestSignaturesAreThoseOfAmazonsExamples(t *testing.T) {
	t.Parallel()
	empty := hexHash(nil)
	for name, tt := range map[string]struct {
		m    message
		want string
	}{
		"an object with a range": {
			message{"GET", exampleHost, "/test.txt", nil, http.Header{"Range": {"bytes=0-9"}}, empty},
			"f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
		},
		"an upload": {
			message{"PUT", exampleHost, "/test%24file.text", nil, http.Header{
				"Date": {"Fri, 24 May 2013 00:00:00 GMT"}, "X-Amz-Storage-Class": {"REDUCED_REDUNDANCY"},
			}, hexHash([]byte("Welcome to Amazon S3."))},
			"98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
		},
		"a parameter without a value": {
			message{"GET", exampleHost, "/", url.Values{"lifecycle": {""}}, http.Header{}, empty},
			"fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
		},
		"a list": {
			message{"GET", exampleHost, "/", url.Values{"prefix": {"J"}, "max-keys": {"2"}}, http.Header{}, empty},
			"34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
		},
	} {
		exampleConfig.sign(&tt.m, exampleTime)
		if got := tt.m.header.Get("Authorization"); !strings.HasSuffix(got, "Signature="+tt.want) {
			t.Errorf("%s: got %s, want the signature %s", name, got, tt.want)
		}
	}
}

func TestPresignedAddressesAreThoseOfAmazonsExample(t *testing.T) {
	t.Parallel()
	m := &message{"GET", exampleHost, "/test.txt", url.Values{}, http.Header{}, unsignedPayload}
	exampleConfig.presignQuery(m, "86400", exampleTime)
	const want = "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
	if got := m.query.Get("X-Amz-Signature"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
