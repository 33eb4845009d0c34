package main

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// statuses are the classes of the service's own words for the status, where they
// say more than the HTTP status does. They also give the class of an error in
// the middle of a stream.
var statuses = map[string]provider.Code{
	"INVALID_ARGUMENT":    provider.CodeInvalidRequest,
	"OUT_OF_RANGE":        provider.CodeInvalidRequest,
	"FAILED_PRECONDITION": provider.CodePermission, // the country, or billing that is not set up
	"UNAUTHENTICATED":     provider.CodeAuth,
	"PERMISSION_DENIED":   provider.CodePermission,
	"NOT_FOUND":           provider.CodeNotFound,
	"ALREADY_EXISTS":      provider.CodeConflict,
	"ABORTED":             provider.CodeConflict,
	"RESOURCE_EXHAUSTED":  provider.CodeRateLimit,
	"CANCELLED":           provider.CodeUpstream, // by the service, not by us
	"UNKNOWN":             provider.CodeUpstream,
	"INTERNAL":            provider.CodeUpstream,
	"DATA_LOSS":           provider.CodeUpstream,
	"UNIMPLEMENTED":       provider.CodeUnsupported,
	"UNAVAILABLE":         provider.CodeOverloaded,
	"DEADLINE_EXCEEDED":   provider.CodeTimeout,
}

// reasons are the classes of the reasons in an error's details. A wrong key is
// an INVALID_ARGUMENT to the service.
var reasons = map[string]provider.Code{
	"API_KEY_INVALID":          provider.CodeAuth,
	"API_KEY_EXPIRED":          provider.CodeAuth,
	"ACCESS_TOKEN_EXPIRED":     provider.CodeAuth,
	"CREDENTIALS_MISSING":      provider.CodeAuth,
	"BILLING_DISABLED":         provider.CodeQuota,
	"CONSUMER_SUSPENDED":       provider.CodePermission,
	"SERVICE_DISABLED":         provider.CodePermission,
	"API_KEY_SERVICE_BLOCKED":  provider.CodePermission,
	"USER_PROJECT_DENIED":      provider.CodePermission,
	"RATE_LIMIT_EXCEEDED":      provider.CodeRateLimit,
	"RESOURCE_QUOTA_EXCEEDED":  provider.CodeQuota,
	"LOCATION_POLICY_VIOLATED": provider.CodePermission,
}

// texts are what the service says only in words for people.
var texts = []struct {
	status, words string
	code          provider.Code
}{
	{"INVALID_ARGUMENT", "api key not valid", provider.CodeAuth},
	{"INVALID_ARGUMENT", "api key expired", provider.CodeAuth},
	{"INVALID_ARGUMENT", "exceeds the maximum number of tokens", provider.CodeTooLarge},
	{"INVALID_ARGUMENT", "payload size exceeds", provider.CodeTooLarge},
	{"RESOURCE_EXHAUSTED", "prepayment credits are depleted", provider.CodeQuota},
	{"RESOURCE_EXHAUSTED", "spending cap", provider.CodeQuota},
}

// errorDetail is one of google.rpc's details, with the fields of each type.
type errorDetail struct {
	Reason     string `json:"reason"`     // ErrorInfo
	RetryDelay string `json:"retryDelay"` // RetryInfo
	Violations []struct {
		QuotaID    string `json:"quotaId"`
		QuotaValue string `json:"quotaValue"`
	} `json:"violations"` // QuotaFailure
	Fields []struct {
		Field string `json:"field"`
	} `json:"fieldViolations"` // BadRequest
}

// classify improves the class of an error by the service's words.
func classify(e *provider.Error, body []byte) {
	if code, ok := statuses[e.Type]; ok {
		e.Code = code
	}
	message := strings.ToLower(e.Message)
	for _, t := range texts {
		if t.status == e.Type && strings.Contains(message, t.words) {
			e.Code = t.code
		}
	}
	for _, d := range detailsOf(body) {
		d.apply(e)
	}
}

// apply takes from a detail what it says.
func (d *errorDetail) apply(e *provider.Error) {
	if d.Reason != "" && e.UpstreamCode == "" {
		e.UpstreamCode = d.Reason
	}
	if code, ok := reasons[d.Reason]; ok {
		e.Code = code
	}
	if wait, err := time.ParseDuration(d.RetryDelay); err == nil && wait > 0 && e.RetryAfter == 0 {
		e.RetryAfter = min(wait, maxRetryDelay)
	}
	for _, f := range d.Fields {
		if e.Param == "" {
			e.Param = f.Field
		}
	}
	for _, v := range d.Violations {
		exhausted(e, v.QuotaID, v.QuotaValue)
	}
}

// maxRetryDelay bounds what is believed of the service's wish to wait.
const maxRetryDelay = 365 * 24 * time.Hour

// exhausted tells a limit that waiting for moments helps against from one that it
// does not: an allowance of a day, or one of nothing, as the free tier has for
// some models.
func exhausted(e *provider.Error, quota, value string) {
	if e.Type != "RESOURCE_EXHAUSTED" {
		return
	}
	if e.UpstreamCode == "" {
		e.UpstreamCode = quota
	}
	if strings.Contains(quota, "PerDay") || value == "0" {
		e.Code, e.UpstreamCode = provider.CodeQuota, quota
	}
}

// detailsOf reads the details of an error, also of one in a list, as the service
// sends it where a stream was asked for in another form. Details of a form that
// is not known are left out.
func detailsOf(body []byte) []errorDetail {
	type failed struct {
		Error struct {
			Details []json.RawMessage `json:"details"`
		} `json:"error"`
	}
	var one failed
	if json.Unmarshal(body, &one) != nil {
		var list []failed
		if json.Unmarshal(body, &list) != nil || len(list) == 0 {
			return nil
		}
		one = list[0]
	}
	var details []errorDetail
	for _, raw := range one.Error.Details {
		var d errorDetail
		if json.Unmarshal(raw, &d) == nil {
			details = append(details, d)
		}
	}
	return details
}
