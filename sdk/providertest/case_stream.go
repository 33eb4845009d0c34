package providertest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// streamCases look at the events of a stream as they cross the wire.
var streamCases = []testCase{
	{
		name:   "stream/started-first",
		why:    "before started the host may repeat a request that failed; after it the caller has seen something",
		advice: "send the event started once, before everything else, when the service answered with success; the Go SDK does so at the first Send",
		run:    onStream(startedFirst),
	},
	{
		name:   "stream/finished",
		why:    "a stream that just ends looks like one that was cut off, and a cut-off answer must not pass for a whole one",
		advice: "end a stream that succeeded with the event finished; in Go return from the method without an error",
		run:    onStream(finished),
	},
	{
		name:   "stream/nothing-after-finished",
		why:    "the host has released the caller at finished: what follows is lost or, worse, belongs to nobody",
		advice: "send the event finished once and last",
		run:    onStream(finishedLast),
	},
	{
		name:   "stream/chunks",
		why:    "the host writes each chunk to the caller as one event",
		advice: "send each chunk as one JSON object, without \"data:\", blank lines or \"[DONE]\"",
		run:    onStream(chunksAreObjects),
	},
	{
		name:   "stream/usage",
		why:    "tokens of streams are counted from what finished reports",
		advice: "report the service's token counts in Finish.Usage or with Sink.Usage; OpenAI's dialect sends them only if stream_options.include_usage is true",
		run:    streamUsage,
	},
	{
		name:   "stream/unknown-fields-sent",
		why:    "a parameter that the service adds tomorrow must work through the plugin of today",
		advice: "pass the body's unknown fields on untouched in streams as well",
		run: func(ctx context.Context, l *lab) error {
			return unknownFieldSent(ctx, l, provider.ModeStream)
		},
	},
	{
		name:   "stream/unknown-fields-answered",
		why:    "a field that the service adds to its chunks must reach the caller",
		advice: "pass the chunks' unknown fields on untouched: raw chunks as they are, typed ones by their Extra",
		run:    streamFieldAnswered,
	},
}

// onStream runs a stream that should succeed and hands over what it sent.
func onStream(look func(*transcript, error) error) func(context.Context, *lab) error {
	return func(ctx context.Context, l *lab) error {
		s, err := l.anySample(provider.ModeStream)
		if err != nil {
			return err
		}
		b, err := l.open(ctx)
		if err != nil {
			return err
		}
		stream, err := b.rawStream(ctx, b.request(s, "one two three"))
		if err != nil {
			return err
		}
		t, err := collect(stream)
		return look(t, err)
	}
}

func startedFirst(t *transcript, err error) error {
	switch {
	case len(t.kinds) == 0:
		return fmt.Errorf("the stream sent no event: %w", err)
	case t.kinds[0] != "started":
		return fmt.Errorf("the stream began with %q; it sent %s", t.kinds[0], t)
	case t.count("started") > 1:
		return fmt.Errorf("the stream sent started %d times; it sent %s", t.count("started"), t)
	default:
		return nil
	}
}

func finished(t *transcript, err error) error {
	if err == nil && t.count("data") == 0 {
		return fmt.Errorf("the stream sent no data; it sent %s", t)
	}
	return err
}

func finishedLast(t *transcript, _ error) error {
	switch n := t.count("finished"); {
	case n == 0:
		return skipf("the stream did not finish: see stream/finished")
	case n > 1:
		return fmt.Errorf("the stream sent finished %d times; it sent %s", n, t)
	case t.kinds[len(t.kinds)-1] != "finished":
		return fmt.Errorf("the stream went on after finished; it sent %s", t)
	default:
		return nil
	}
}

func chunksAreObjects(t *transcript, _ error) error {
	if len(t.chunks) == 0 {
		return errors.New("the stream sent no chunk")
	}
	for i, chunk := range t.chunks {
		var object map[string]json.RawMessage
		if json.Unmarshal(chunk, &object) != nil {
			return fmt.Errorf("chunk %d is not a JSON object: %q", i, clip(chunk))
		}
		if isFailure(chunk) {
			return fmt.Errorf("chunk %d is a failure: %s", i, clip(chunk))
		}
	}
	return nil
}

// isFailure reports whether a chunk is an error in the shape of an answer.
func isFailure(chunk []byte) bool {
	var object struct {
		Error json.RawMessage `json:"error"`
	}
	return json.Unmarshal(chunk, &object) == nil && len(object.Error) > 0 && !bytes.Equal(object.Error, []byte("null"))
}

func streamUsage(ctx context.Context, l *lab) error {
	if l.knownUsage() == (provider.Usage{}) {
		return skipf("the service is not known to report tokens")
	}
	return onStream(func(t *transcript, err error) error {
		if err != nil {
			return err
		}
		return l.sameUsage("finished", t.finish.Usage)
	})(ctx, l)
}

func streamFieldAnswered(ctx context.Context, l *lab) error {
	if err := l.needDialect(); err != nil {
		return err
	}
	if !l.speaksOpenAI() {
		return skipf("only the kit's own service adds a field to its chunks")
	}
	return onStream(func(t *transcript, err error) error {
		if err != nil {
			return err
		}
		return keptField("the first chunk", t.chunks[0])
	})(ctx, l)
}
