package main

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/plugins/internal/plugintest"
	"github.com/backplane-dev/backplane/sdk/client"
	"github.com/backplane-dev/backplane/sdk/provider"
)

const tensorOfBytes = `{"model":"m","inputs":[{"name":"a","shape":[1],"datatype":"FP32"}]}`

// ask runs an inference in the mode that it has, up to its first bytes.
func ask(ctx context.Context, t *testing.T, conn *client.Conn, op string) error {
	t.Helper()
	if op == opInferBinary {
		_, err := plugintest.TransferUntil(ctx, conn, plugintest.Request(op, tensorOfBytes), []byte("1234"), typeBytes)
		return err
	}
	_, err := conn.Call(ctx, plugintest.Request(op, `{"model":"m","data":[1]}`))
	return err
}

func TestACallerWhoLeavesEndsTheInference(t *testing.T) {
	t.Parallel()
	for _, op := range []string{opInfer, opInferBinary, opPredict} {
		t.Run(op, func(t *testing.T) {
			t.Parallel()
			arrived, gone := make(chan struct{}), make(chan struct{})
			conn := open(t, plugintest.Serve(t, func(_ http.ResponseWriter, r *http.Request) {
				close(arrived)
				<-r.Context().Done()
				close(gone)
			}))
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			ended := make(chan error, 1)
			go func() { ended <- ask(ctx, t, conn, op) }()
			<-arrived
			leave()
			plugintest.WantError(t, <-ended, provider.CodeCanceled)
			select {
			case <-gone:
			case <-time.After(time.Second):
				t.Error("the connection is still open a second after the caller left")
			}
		})
	}
}

func TestAnswersOfInferencesThatAreCutOffAreErrors(t *testing.T) {
	t.Parallel()
	for _, op := range []string{opInfer, opInferBinary, opPredict} {
		conn := open(t, plugintest.Serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "900")
			plugintest.Write(w, http.StatusOK, "application/json", `{"model_name":"m","outputs":[],"predictions":[1]}`)
		}))
		err := ask(t.Context(), t, conn, op)
		if e := plugintest.WantError(t, err, provider.CodeProtocol); e.Source != provider.SourceUpstream {
			t.Errorf("%s: got %+v", op, e)
		}
	}
}
