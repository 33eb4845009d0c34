package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"

	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/rest"
)

// pieces are the buffers through which objects flow, as large as what the wire
// moves at once.
var pieces = sync.Pool{New: func() any { return new([64 << 10]byte) }}

// get answers object.get with the object's bytes while they arrive.
func (e *endpoint) get(ctx context.Context, req *provider.TransferRequest, out provider.TransferSink) error {
	var in struct {
		object
		conditions
		Range string `json:"range"`
	}
	if err := decode(req.Body, &in); err != nil {
		return err
	}
	if err := in.object.check(); err != nil {
		return err
	}
	fields := append(in.conditions.fields(), field{"range", "Range", in.Range})
	if in.Range == "" {
		// The stored checksums are those of the whole object.
		fields = append(fields, field{"", "X-Amz-Checksum-Mode", "ENABLED"})
	}
	header, err := headers(fields)
	if err != nil {
		return err
	}
	resp, err := e.do(ctx, &request{method: http.MethodGet, place: in.place(), query: in.version(), header: header})
	if err != nil {
		return err
	}
	defer resp.Close()
	err = out.Start(provider.TransferHead{
		Meta: *withHeaders(metaOf(resp), resp.Header), ContentType: resp.Header.Get("Content-Type"), Length: resp.Length,
	})
	if err != nil {
		return err
	}
	return pass(resp, out, stored(resp))
}

// pass copies an object as it arrives and checks it.
func pass(resp *rest.Response, out io.Writer, sums checksums) error {
	piece := pieces.Get().(*[64 << 10]byte)
	defer pieces.Put(piece)
	for {
		n, err := resp.Read(piece[:])
		sums.write(piece[:n])
		if n > 0 {
			if _, err := out.Write(piece[:n]); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
	}
	if name := sums.wrong(); name != "" {
		return &provider.Error{Code: provider.CodeProtocol, Source: provider.SourceUpstream, StatusCode: resp.Status,
			Message: "the object that arrived does not have the " + name + " that the service stored with it"}
	}
	return nil
}

// stored are the checksums that the service gives with a whole object. Those of
// an object that was stored in parts are of another kind: the parts' number
// follows a dash.
func stored(resp *rest.Response) checksums {
	if resp.Status != http.StatusOK {
		return nil
	}
	return newChecksums(resp.Header.Get("X-Amz-Checksum-Sha256"), resp.Header.Get("X-Amz-Checksum-Crc32"))
}
