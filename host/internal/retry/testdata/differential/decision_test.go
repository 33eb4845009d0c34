// Package differential compares what the host decides about a failed attempt
// with what the official OpenAI SDK decides about the same answer.
//
// The SDK runs against a transport that gives the answer once and then success,
// in virtual time: whether there was a second request, and after how long, is
// its decision. Ours is that of package retry about the error that package rest
// makes of the answer. Both have a maximum of 120 s for Retry-After.
package differential

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"github.com/backplane-dev/backplane/host/config"
	"github.com/backplane-dev/backplane/host/internal/retry"
	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/rest"
)

// answer is a service's answer to a first attempt.
type answer struct {
	status int
	header map[string]string
}

func (a answer) headers() http.Header {
	h := http.Header{"Content-Type": {"application/json"}}
	for name, value := range a.header {
		h.Set(name, value)
	}
	return h
}

// decision is whether an attempt is repeated, and what the service is found to
// have asked to wait, 0 if nothing.
type decision struct {
	repeat bool
	asked  time.Duration
}

// once answers the first request with the answer and all others with success.
type once struct {
	answer answer
	times  []time.Time
}

func (o *once) RoundTrip(req *http.Request) (*http.Response, error) {
	o.times = append(o.times, time.Now())
	resp := &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(strings.NewReader(`{"object":"list","data":[]}`)), Request: req, ProtoMajor: 1, ProtoMinor: 1,
	}
	if len(o.times) == 1 {
		resp.StatusCode, resp.Header = o.answer.status, o.answer.headers()
		resp.Body = io.NopCloser(strings.NewReader(`{"error":{"message":"no"}}`))
	}
	return resp, nil
}

// theirs lets the SDK decide. Without a header of the service it waits between
// 0.375 and 0.5 s, which is told from a wish of the service by the second run:
// its own waits vary.
func theirs(t *testing.T, a func(time.Time) answer) decision {
	t.Helper()
	var waits [2]time.Duration
	for i := range waits {
		o := new(once)
		time.Sleep(time.Until(time.Now().Truncate(time.Second).Add(time.Second))) // dates have no parts of it
		o.answer = a(time.Now())
		client := openai.NewClient(option.WithAPIKey("sk-test"), option.WithMaxRetries(1),
			option.WithBaseURL("http://127.0.0.1/v1/"), option.WithHTTPClient(&http.Client{Transport: o}))
		_, err := client.Models.List(t.Context())
		switch {
		case len(o.times) == 1 && err != nil:
			return decision{}
		case len(o.times) != 2 || err != nil:
			t.Fatalf("%d requests and %v", len(o.times), err)
		}
		waits[i] = o.times[1].Sub(o.times[0])
	}
	if waits[0] != waits[1] {
		return decision{repeat: true}
	}
	return decision{repeat: true, asked: waits[0]}
}

func ours(a answer) decision {
	err := rest.ErrorFromAnswer(a.status, a.headers(), []byte(`{"error":{"message":"no"}}`))
	v := retry.New(config.DefaultPolicy().Retry, nil).Next(retry.Failure{Err: err, Attempt: 1})
	if !v.Repeat {
		return decision{}
	}
	return decision{repeat: true, asked: v.Err.RetryAfter}
}

// compare runs in a bubble, where both clocks are the same.
func compare(t *testing.T, a func(now time.Time) answer) (we, they decision) {
	synctest.Test(t, func(t *testing.T) {
		we, they = ours(a(time.Now())), theirs(t, a)
	})
	return we, they
}

// after is an answer of 429 with the given headers.
func after(pairs ...string) func(time.Time) answer {
	return func(time.Time) answer {
		a := answer{status: 429, header: map[string]string{}}
		for i := 0; i < len(pairs); i += 2 {
			a.header[pairs[i]] = pairs[i+1]
		}
		return a
	}
}

func TestHeadersAreReadAsTheOfficialSDKReadsThem(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		answer func(time.Time) answer
		want   decision
	}{
		"no header":                    {after(), decision{true, 0}},
		"milliseconds":                 {after("retry-after-ms", "1500"), decision{true, 1500 * time.Millisecond}},
		"a fraction of milliseconds":   {after("retry-after-ms", "0.5"), decision{true, 500 * time.Microsecond}},
		"seconds":                      {after("retry-after", "7"), decision{true, 7 * time.Second}},
		"a fraction of seconds":        {after("retry-after", "1.5"), decision{true, 1500 * time.Millisecond}},
		"an exponent":                  {after("retry-after", "1e1"), decision{true, 10 * time.Second}},
		"both, milliseconds first":     {after("retry-after-ms", "20", "retry-after", "9"), decision{true, 20 * time.Millisecond}},
		"bad milliseconds, good":       {after("retry-after-ms", "x", "retry-after", "9"), decision{true, 9 * time.Second}},
		"words":                        {after("retry-after", "soon"), decision{true, 0}},
		"several numbers":              {after("retry-after", "1, 2"), decision{true, 0}},
		"negative":                     {after("retry-after", "-1"), decision{true, 0}},
		"negative milliseconds":        {after("retry-after-ms", "-1"), decision{true, 0}},
		"not a number":                 {after("retry-after", "NaN"), decision{true, 0}},
		"zero":                         {after("retry-after", "0"), decision{true, 0}},
		"just the maximum":             {after("retry-after", "120"), decision{true, 120 * time.Second}},
		"above the maximum":            {after("retry-after", "120.001"), decision{}},
		"far above the maximum":        {after("retry-after", "1e300"), decision{}},
		"milliseconds above it":        {after("retry-after-ms", "120001"), decision{}},
		"too large for a float":        {after("retry-after", "1e309"), decision{}},
		"infinite":                     {after("retry-after", "Inf"), decision{true, 0}},
		"told to repeat":               {after("x-should-retry", "true"), decision{true, 0}},
		"told not to repeat":           {after("x-should-retry", "false"), decision{}},
		"told not to, with a time":     {after("x-should-retry", "false", "retry-after", "1"), decision{}},
		"told to, above the maximum":   {after("x-should-retry", "true", "retry-after", "121"), decision{}},
		"told in a word unheard of":    {after("x-should-retry", "maybe"), decision{true, 0}},
		"a date":                       {date(45 * time.Second), decision{true, 45 * time.Second}},
		"a date in the past":           {date(-time.Second), decision{true, 0}},
		"a date above the maximum":     {date(121 * time.Second), decision{}},
		"the date of this very moment": {date(0), decision{true, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			we, they := compare(t, row.answer)
			t.Logf("we %+v, they %+v", we, they)
			if we != row.want {
				t.Errorf("we decide %+v, want %+v", we, row.want)
			}
			if we != they {
				t.Errorf("they decide %+v, we %+v", they, we)
			}
		})
	}
}

func date(from time.Duration) func(time.Time) answer {
	return func(now time.Time) answer {
		return answer{429, map[string]string{"retry-after": now.Add(from).UTC().Format(http.TimeFormat)}}
	}
}

// differences are the statuses of which we think otherwise, and why.
var differences = map[int]string{
	409: "a conflict over an object, such as its version, does not pass by itself; the SDK means locks of one service",
	424: "inference servers say it of their own failure",
	425: "the server has not taken the request, and asks for it to be sent again",
	501: "an operation that is not offered will not be offered in a second",
}

func TestStatusesAreRepeatedAsTheOfficialSDKDoesButForThoseWithAReason(t *testing.T) {
	t.Parallel()
	for status := 400; status < 600; status++ {
		we, they := compare(t, func(time.Time) answer { return answer{status: status} })
		_, differs := differences[status]
		if (we.repeat != they.repeat) != differs {
			t.Errorf("%d %s: we repeat: %v, they: %v, expected to differ: %v",
				status, http.StatusText(status), we.repeat, they.repeat, differs)
		}
	}
}

// Nothing makes a wrong key right, so that there we do not follow the service's
// word, as the SDK does.
func TestTheServicesWordIsFollowedAsByTheOfficialSDKButForKeysAndWhatIsNotOffered(t *testing.T) {
	t.Parallel()
	for status := 400; status < 600; status++ {
		for _, word := range []string{"true", "false"} {
			we, they := compare(t, func(time.Time) answer {
				return answer{status, map[string]string{"x-should-retry": word}}
			})
			code := rest.CodeOf(status)
			deaf := word == "true" && (code == provider.CodeAuth || code == provider.CodePermission || code == provider.CodeUnsupported)
			if (we.repeat != they.repeat) != deaf {
				t.Errorf("%d with x-should-retry: %s: we repeat: %v, they: %v", status, word, we.repeat, they.repeat)
			}
		}
	}
}
