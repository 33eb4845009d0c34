package rest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"

	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/rest/internal/http1"
)

// errIdle is the cause with which a silent answer is given up.
var errIdle = http1.ErrIdle

// errClosed is the cause with which a response is closed.
var errClosed = errors.New("response closed")

// failure makes the error of a request that got no answer. RetryAlways vouches
// for it that nothing was sent, so that even an operation which must not be
// repeated can be tried again.
func (x *exchange) failure(err error) *provider.Error {
	phase := "while connecting"
	if x.connected() {
		phase = "while waiting for the first byte of the answer"
	}
	if e := x.ended(err, phase); e != nil {
		return e
	}
	e := &provider.Error{Source: provider.SourceUpstream, Cause: err}
	where := x.client.base.Host
	var slow *connectTimeout
	switch {
	case errors.As(x.cause(), &slow), errors.As(err, &slow):
		e.Code = provider.CodeTimeout
		e.Message = slow.Error()
	case isTimeout(err) && x.connected():
		e.Code = provider.CodeTimeout
		e.Message = fmt.Sprintf("%s sent no answer within %s (first-byte timeout)", where, x.client.firstByte)
	case isTimeout(err):
		e.Code = provider.CodeTimeout
		e.Message = "connect to " + where + ": " + reason(err)
	case x.connected() && x.unsent():
		e.Code = provider.CodeUnreachable
		e.Message = "the connection to " + where + " was closed before the request was sent: " + reason(err)
	case x.connected():
		e.Code = provider.CodeUnreachable
		e.Message = "the connection to " + where + " broke before the answer began: " + reason(err)
	default:
		e.Code = provider.CodeUnreachable
		e.Message = "connect to " + where + ": " + reason(err)
	}
	if x.unsent() {
		e.Retry = provider.RetryAlways
	}
	return x.clean(e)
}

// readFailure makes the error of an answer that broke off after n bytes.
func (x *exchange) readFailure(err error, n int64) *provider.Error {
	if e := x.ended(err, fmt.Sprintf("while reading the answer, after %d bytes", n)); e != nil {
		return e
	}
	return x.clean(&provider.Error{
		Code:    provider.CodeProtocol,
		Message: fmt.Sprintf("the answer was cut off after %d bytes: %s", n, reason(err)),
		Source:  provider.SourceUpstream,
		Cause:   err,
	})
}

// ended returns the error for an exchange that we ended ourselves, or that has
// a typed error already; else nil. The caller's context is asked first: when it
// ended, all other errors are its consequences.
func (x *exchange) ended(err error, phase string) *provider.Error {
	var typed *provider.Error
	switch cause := x.cause(); {
	case errors.Is(x.parent.Err(), context.DeadlineExceeded):
		return &provider.Error{
			Code:    provider.CodeTimeout,
			Message: "the time for the attempt ran out " + phase,
			Source:  provider.SourcePlugin,
			Cause:   x.parent.Err(),
		}
	case x.parent.Err() != nil:
		return provider.AsError(x.parent.Err())
	case errors.Is(cause, errIdle):
		return &provider.Error{
			Code:    provider.CodeTimeout,
			Message: fmt.Sprintf("the service sent nothing for %s %s (idle timeout)", x.client.idle, phase),
			Source:  provider.SourceUpstream,
			Cause:   errIdle,
		}
	case errors.Is(cause, errClosed):
		return provider.Errorf(provider.CodeInternal, "read of an answer after it was closed")
	case errors.As(err, &typed):
		return typed
	default:
		return nil
	}
}

// clean removes secrets from the error's message and bounds it.
func (x *exchange) clean(e *provider.Error) *provider.Error {
	e.Message = clean(Redact(e.Message, x.secrets()...), maxText)
	return e
}

// secrets are those of the client and of the request's header.
func (x *exchange) secrets() []provider.Secret {
	return append(headerSecrets(x.header), x.client.secrets...)
}

func isTimeout(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.As(err, &timeout) && timeout.Timeout()
}

// reason puts a network error into words. Addresses of our own side and the
// names of Go's calls say nothing to the operator.
func reason(err error) string {
	var (
		dns     *net.DNSError
		cert    *tls.CertificateVerificationError
		refused = errors.Is(err, syscall.ECONNREFUSED)
		op      *net.OpError
	)
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		return "no such host " + dns.Name
	case errors.As(err, &dns):
		return "cannot resolve " + dns.Name
	case refused:
		return "connection refused"
	case errors.As(err, &cert):
		return "certificate not accepted: " + cert.Err.Error()
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return "the service closed the connection"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "connection reset"
	case errors.As(err, &op) && op.Err != nil:
		return op.Op + ": " + op.Err.Error()
	default:
		return strings.TrimPrefix(err.Error(), "net/http: ")
	}
}
