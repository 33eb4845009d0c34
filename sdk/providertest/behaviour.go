package providertest

import (
	"io"
	"net/http"
	"strconv"
)

// respond answers with a fixed status, header and body.
func respond(status int, contentType, body string, header ...string) behaviour {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.Header().Set("Content-Type", contentType)
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body) // a failure is seen by the reader
	}
}

// hang takes the request and never answers it.
func hang(_ http.ResponseWriter, r *http.Request, _ http.Handler) {
	<-r.Context().Done()
	panic(http.ErrAbortHandler)
}

// cutBody promises more bytes than it sends and closes the connection.
func cutBody(contentType, body string) behaviour {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("Content-Length", strconv.Itoa(2*len(body)))
		_, _ = io.WriteString(w, body)            // a failure is seen by the reader
		_ = http.NewResponseController(w).Flush() // as above
		panic(http.ErrAbortHandler)
	}
}

// holdAnswer answers with health once release is closed.
func holdAnswer(release <-chan struct{}) behaviour {
	return func(w http.ResponseWriter, r *http.Request, healthy http.Handler) {
		select {
		case <-release:
			healthy.ServeHTTP(w, r)
		case <-r.Context().Done():
			panic(http.ErrAbortHandler)
		}
	}
}

// holdStream answers with health up to the first flush and then falls silent
// until release is closed or the provider has gone.
func holdStream(release <-chan struct{}) behaviour {
	return afterFirstFlush(func(_ io.Writer, r *http.Request) bool {
		select {
		case <-release:
			return true
		case <-r.Context().Done():
			return false
		}
	})
}

// cutStream answers with health up to the first flush and closes the connection.
func cutStream() behaviour {
	return afterFirstFlush(func(io.Writer, *http.Request) bool { return false })
}

// endStream answers with health up to the first flush, writes text, and ends the
// answer in good order.
func endStream(text string) behaviour {
	return func(w http.ResponseWriter, r *http.Request, healthy http.Handler) {
		g := &gate{ResponseWriter: w}
		g.then = func() bool {
			_, _ = io.WriteString(w, text)            // a failure is seen by the reader
			_ = http.NewResponseController(w).Flush() // as above
			g.closed = true
			return true
		}
		healthy.ServeHTTP(g, r)
	}
}

// afterFirstFlush calls then once the handler has flushed for the first time,
// and cuts the connection if it returns false.
func afterFirstFlush(then func(io.Writer, *http.Request) bool) behaviour {
	return func(w http.ResponseWriter, r *http.Request, healthy http.Handler) {
		healthy.ServeHTTP(&gate{ResponseWriter: w, then: func() bool { return then(w, r) }}, r)
	}
}

// gate lets a handler write up to its first flush.
type gate struct {
	http.ResponseWriter
	then    func() bool
	flushed bool
	closed  bool // drop what is written from now on
}

func (g *gate) Write(p []byte) (int, error) {
	if g.closed {
		return len(p), nil
	}
	return g.ResponseWriter.Write(p)
}

// FlushError is what [http.ResponseController] looks for.
func (g *gate) FlushError() error {
	if g.closed {
		return nil
	}
	if err := http.NewResponseController(g.ResponseWriter).Flush(); err != nil {
		return err
	}
	if !g.flushed {
		g.flushed = true
		if !g.then() {
			panic(http.ErrAbortHandler)
		}
	}
	return nil
}

// Flush implements [http.Flusher].
func (g *gate) Flush() { _ = g.FlushError() } // the interface has no error

// refusal is the message with which the fake service refuses.
const refusal = "the kit's service refuses"

// refuse answers with an error of the service's own shape.
func (f *fake) refuse(status int, header ...string) behaviour {
	contentType, body := f.errorBody(status, refusal)
	return respond(status, contentType, body, header...)
}
