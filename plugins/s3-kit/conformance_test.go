package main

import (
	"encoding/json"
	"testing"

	"github.com/backplane-dev/backplane/plugins/internal/plugintest"
	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/providertest"
)

func TestConformance(t *testing.T) {
	providertest.Run(t, providertest.Harness{New: New, Profile: profile()})
}

func TestConformanceOfTheBinary(t *testing.T) {
	providertest.RunBinary(t, ".", profile())
}

func profile() providertest.Profile {
	fake := newStore()
	fake.objects["photos/k"] = kept{data: []byte("hello")}
	settings, _ := json.Marshal(map[string]string{"access_key": testKey, "secret_key": testSecret}) // strings always encode
	const name = `"bucket":"photos","key":"k"`
	sample := func(operation, body string, want ...string) providertest.Sample {
		return providertest.Sample{Operation: operation, Mode: provider.ModeCall, Body: body, Want: want}
	}
	return providertest.Profile{
		Settings: settings,
		Service: &providertest.Service{
			Handler: fake, Error: s3Error, Translated: true, SettingsKey: testSecret,
			Settings: func(url string) json.RawMessage { return json.RawMessage(`{"endpoint":"` + url + `"}`) },
		},
		Samples: []providertest.Sample{
			sample(opList, `{"bucket":"photos","prefix":"k"}`, `"key":"k"`),
			{Operation: opPut, Mode: provider.ModeTransfer, Body: `{"bucket":"photos","key":"put"}`, Data: []byte("x"), DataType: "text/plain", Want: []string{`"etag"`}},
			{Operation: opGet, Mode: provider.ModeTransfer, Body: `{` + name + `}`, Want: []string{"hello"}},
			sample(opHead, `{`+name+`}`, `"size":5`),
			sample(opDelete, `{"bucket":"photos","key":"gone"}`, `"deleted":true`),
			sample(opCopy, `{"bucket":"photos","key":"copy","source_key":"k"}`, `copied`),
			sample(opPresign, `{`+name+`}`, `X-Amz-Signature=`),
			sample(opBucketList, `{}`, `"name":"photos"`),
			sample(opBucketCreate, `{"bucket":"photos"}`, `"bucket":"photos"`),
			sample(opBucketHead, `{"bucket":"photos"}`, `"region":"eu-west-1"`),
			sample(opBucketDelete, `{"bucket":"photos"}`, `"deleted":true`),
		},
	}
}

// s3Error is an error in S3's form, with the code that goes with the status.
func s3Error(status int, message string) (contentType, body string) {
	code := map[int]string{
		400: "InvalidArgument", 401: "InvalidAccessKeyId", 403: "AccessDenied", 404: "NoSuchKey", 413: "EntityTooLarge",
		429: "TooManyRequests", 500: "InternalError", 503: "ServiceUnavailable",
	}[status]
	return "application/xml", errorXML(code, message)
}

func TestTheReadmeListsSettingsAndOperations(t *testing.T) {
	t.Parallel()
	plugintest.CheckReadme(t, New().Describe())
}
