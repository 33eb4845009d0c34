package endpoint

import (
	"fmt"
	"slices"
	"strings"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// admit refuses what needs no attempt to be refused. What is not offered comes
// first: metrics count by operation, and callers can write any word there.
func (e *Endpoint) admit(r *run) *provider.Error {
	offer := e.offer.Load()
	op, ok := offer.operations[r.req.Operation]
	r.op = op
	switch {
	case !ok:
		return hostError(provider.Errorf(provider.CodeUnsupported,
			"operation %q is not supported by endpoint %q; it offers %s", r.req.Operation, e.id, offer.names()))
	case !op.Has(r.mode):
		return e.errMode(r)
	case e.closing.Err() != nil:
		return errClosing(nil)
	case offer.manifest.Credential.Required && !e.hasKey.Load() && r.req.Credential.IsZero():
		return e.errNoKey(offer)
	default:
		return nil
	}
}

// names lists the operations for an error message.
func (o *offer) names() string {
	names := make([]string, 0, len(o.manifest.Operations))
	for _, op := range o.manifest.Operations {
		names = append(names, op.Name)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// errMode is the refusal of a mode that the operation does not have.
func (e *Endpoint) errMode(r *run) *provider.Error {
	if r.mode == provider.ModeStream {
		err := hostError(provider.Errorf(provider.CodeUnsupported,
			`operation %q of endpoint %q cannot be streamed; leave "stream" out or send false`, r.op.Name, e.id))
		err.Param = "stream"
		return err
	}
	return hostError(provider.Errorf(provider.CodeUnsupported,
		"operation %q of endpoint %q cannot be called in mode %q; it offers %s", r.op.Name, e.id, r.mode, joinModes(r.op.Modes)))
}

func joinModes(modes []provider.Mode) string {
	words := make([]string, 0, len(modes))
	for _, m := range modes {
		words = append(words, string(m))
	}
	return strings.Join(words, ", ")
}

func (e *Endpoint) errNoKey(o *offer) *provider.Error {
	hint := ""
	if env := o.manifest.Credential.Env; len(env) > 0 {
		hint = " or the environment variable " + strings.Join(env, " or ")
	}
	return hostError(provider.Errorf(provider.CodeAuth,
		"endpoint %q has no API key; set its api_key%s, or send a key with the request (header x-backplane-api-key)", e.id, hint))
}

// errClosing is the refusal of an endpoint that closes. last is the error of
// the request's last attempt, if it had one.
func errClosing(last *provider.Error) *provider.Error {
	e := &provider.Error{
		Code: provider.CodeShutdown, Source: provider.SourceHost,
		Message: "the endpoint is closing and takes no more requests",
	}
	if last != nil {
		e.Message = fmt.Sprintf("the endpoint is closing and does not repeat the request; its last attempt failed: %s", last.Message)
		e.Cause = last
	}
	return e
}

func hostError(e *provider.Error) *provider.Error {
	e.Source = provider.SourceHost
	return e
}
