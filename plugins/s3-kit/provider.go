package main

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/backplane-dev/backplane/sdk"
	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/rest"
)

// The operations. Their bodies are this provider's own, written down in its
// README: there is no common shape for objects.
const (
	opList         = "object.list"
	opPut          = "object.put"
	opGet          = "object.get"
	opHead         = "object.head"
	opDelete       = "object.delete"
	opCopy         = "object.copy"
	opPresign      = "object.presign"
	opBucketList   = "bucket.list"
	opBucketCreate = "bucket.create"
	opBucketHead   = "bucket.head"
	opBucketDelete = "bucket.delete"
)

// New returns the S3 provider.
func New() provider.Provider { return s3{} }

type s3 struct{}

// Describe implements [provider.Provider].
func (s3) Describe() provider.Manifest {
	call := []provider.Mode{provider.ModeCall}
	transfer := []provider.Mode{provider.ModeTransfer}
	return provider.Manifest{
		Name:        "s3-kit",
		Version:     sdk.Version,
		Description: "Objects in Amazon S3 and in services that speak its API.",
		Homepage:    "https://github.com/backplane-dev/backplane/tree/main/plugins/s3-kit",
		License:     "Apache-2.0",
		Operations: []provider.Operation{
			{Name: opList, Modes: call, Description: "List objects by prefix and delimiter, page by page."},
			{Name: opPut, Modes: transfer, Description: "Store an object of any size while it arrives."},
			{Name: opGet, Modes: transfer, Description: "Read an object, or a range of it."},
			{Name: opHead, Modes: call, Description: "What is known of an object without reading it."},
			{Name: opDelete, Modes: call, Description: "Delete an object."},
			{Name: opCopy, Modes: call, Description: "Copy an object within the service."},
			{Name: opPresign, Modes: call, Description: "Make an address that works without a key for a while."},
			{Name: opBucketList, Modes: call, Description: "List the buckets of the key's owner."},
			{Name: opBucketCreate, Modes: call, Unsafe: true, Description: "Create a bucket."},
			{Name: opBucketHead, Modes: call, Description: "Ask whether a bucket is there and may be used."},
			{Name: opBucketDelete, Modes: call, Unsafe: true, Description: "Delete an empty bucket."},
		},
		Settings: settingsSchema,
	}
}

// Open implements [provider.Provider].
func (s3) Open(_ context.Context, cfg provider.EndpointConfig) (provider.Endpoint, error) {
	c, err := newConfig(cfg)
	if err != nil {
		return nil, err
	}
	client, err := rest.New(c.options())
	if err != nil {
		return nil, &provider.ConfigError{Diagnostics: []diagnostic{{Path: "endpoint", Summary: "Invalid address", Detail: err.Error()}}}
	}
	e := &endpoint{config: c, client: client, now: time.Now}
	e.parts.New = func() any {
		buf := make([]byte, c.PartSize)
		return &buf
	}
	return e, nil
}

// endpoint is an opened endpoint, safe for concurrent use.
type endpoint struct {
	*config
	client *rest.Client
	now    func() time.Time
	// parts are the buffers of uploads whose length is not known.
	parts sync.Pool
}

var (
	_ provider.Caller     = (*endpoint)(nil)
	_ provider.Transferer = (*endpoint)(nil)
	_ provider.Tester     = (*endpoint)(nil)
)

// Call implements [provider.Caller].
func (e *endpoint) Call(ctx context.Context, req *provider.Request) (*provider.Response, error) {
	calls := map[string]func(context.Context, []byte) (any, *provider.Meta, error){
		opList: e.list, opHead: e.head, opDelete: e.remove, opCopy: e.copy, opPresign: e.presign,
		opBucketList: e.listBuckets, opBucketCreate: e.createBucket, opBucketHead: e.headBucket, opBucketDelete: e.deleteBucket,
	}
	run, ok := calls[req.Operation]
	if !ok {
		return nil, provider.Unsupported(req.Operation, "")
	}
	if err := noKey(req); err != nil {
		return nil, err
	}
	answer, meta, err := run(ctx, req.Body)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(answer)
	if err != nil {
		return nil, err
	}
	return &provider.Response{Meta: *meta, Body: body}, nil
}

// Transfer implements [provider.Transferer].
func (e *endpoint) Transfer(ctx context.Context, req *provider.TransferRequest, out provider.TransferSink) (provider.Finish, error) {
	if err := noKey(&req.Request); err != nil {
		return provider.Finish{}, err
	}
	switch req.Operation {
	case opPut:
		return provider.Finish{}, e.put(ctx, req, out)
	case opGet:
		return provider.Finish{}, e.get(ctx, req, out)
	default:
		return provider.Finish{}, provider.Unsupported(req.Operation, "")
	}
}

// Test implements [provider.Tester] by listing buckets. A key that is accepted
// but may not list them is a good one: services look at the signature first.
func (e *endpoint) Test(ctx context.Context, _ *provider.Request) error {
	_, _, err := e.listBuckets(ctx, nil)
	if failed := provider.AsError(err); failed != nil && failed.Code == provider.CodePermission && e.signed() {
		return nil
	}
	return err
}

// Close implements [io.Closer].
func (e *endpoint) Close() error {
	e.client.Close()
	return nil
}

// noKey refuses a key that a caller gave for one call: S3 needs two, and a
// caller whose key is ignored would act in the name of the endpoint.
func noKey(req *provider.Request) error {
	if req.Credential.IsZero() {
		return nil
	}
	return invalid("", "s3-kit takes no key for a single call: access_key and secret_key are settings of the endpoint; "+
		"make an endpoint for each pair of keys")
}
