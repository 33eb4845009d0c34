package status_test

import (
	"testing"
	"time"

	"github.com/backplane-dev/backplane/host/status"
	"github.com/backplane-dev/backplane/sdk/provider"
)

var at = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func request() status.Request {
	return status.Request{
		ID: "req_1", Endpoint: "fast", Operation: "chat", Model: "gpt-4o", Tenant: "team-a", At: at, Duration: 2 * time.Second,
		Code: provider.CodeTimeout, Error: "Attempt_timeout passed",
		Tries: []status.Try{{Code: provider.CodeRateLimit, Error: "slow down", Next: "tried again"}, {Code: provider.CodeTimeout}},
	}
}

func TestAFilterChoosesWhatAllItsFieldsFit(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]status.RequestFilter{
		"nothing set":             {},
		"limit, which is no word": {Limit: 1},
		"names":                   {ID: "req_1", Endpoint: "fast", Model: "gpt-4o", Tenant: "team-a"},
		"code":                    {Code: provider.CodeTimeout},
		"code of an attempt":      {Code: provider.CodeRateLimit},
		"any failure":             {Code: status.CodeFailed},
		"since that very moment":  {Since: at},
		"exactly as slow":         {Slower: 2 * time.Second},
		"part of the id":          {Text: "EQ_"},
		"part of the operation":   {Text: "hat"},
		"part of the model":       {Text: "4O"},
		"part of the tenant":      {Text: "Team"},
		"part of the error":       {Text: "attempt_TIMEOUT"},
		"an attempt's error":      {Text: "slow"},
		"what came of an attempt": {Text: "again"},
		"all together":            {Endpoint: "fast", Code: status.CodeFailed, Since: at.Add(-time.Hour), Slower: time.Second, Text: "gpt"},
	} {
		if r := request(); !f.Match(&r) {
			t.Errorf("%s: %+v does not choose the request", name, f)
		}
	}
}

func TestAFilterLeavesOutWhatOneOfItsFieldsDoesNotFit(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]status.RequestFilter{
		"endpoint":       {Endpoint: "fas"},
		"model":          {Model: "gpt-4o-mini"},
		"tenant":         {Tenant: "team-b"},
		"id":             {ID: "req_11"},
		"code":           {Code: provider.CodeUpstream},
		"success":        {Code: status.CodeOK},
		"too early":      {Since: at.Add(1)},
		"too fast":       {Slower: 2*time.Second + 1},
		"text":           {Text: "slowly"},
		"one of several": {Endpoint: "fast", Code: status.CodeFailed, Text: "nowhere"},
	} {
		if r := request(); f.Match(&r) {
			t.Errorf("%s: %+v chooses the request", name, f)
		}
	}
}

func TestSuccessIsFoundByItsOwnWordAndByAnEarlierFailure(t *testing.T) {
	t.Parallel()
	r := request()
	r.Success, r.Code, r.Error = true, "", ""
	for code, want := range map[provider.Code]bool{
		status.CodeOK: true, status.CodeFailed: false, provider.CodeRateLimit: true, provider.CodeUpstream: false,
	} {
		if f := (status.RequestFilter{Code: code}); f.Match(&r) != want {
			t.Errorf("code %s: %v, want %v", code, !want, want)
		}
	}
}
