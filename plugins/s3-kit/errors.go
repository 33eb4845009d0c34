package main

import (
	"encoding/xml"
	"net/http"
	"strings"

	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/rest"
)

// class is what an error code of the service means.
type class struct {
	code  provider.Code
	param string
}

// classes are the error codes whose meaning the status does not give, or not in
// all services. Most are Amazon's, some those of services that follow it.
var classes = map[string]class{
	"AccessDenied":          {provider.CodePermission, ""},
	"AllAccessDisabled":     {provider.CodePermission, ""},
	"AccountProblem":        {provider.CodePermission, ""},
	"SignatureDoesNotMatch": {provider.CodeAuth, ""},
	"InvalidAccessKeyId":    {provider.CodeAuth, ""},
	"XAdminUserNotFound":    {provider.CodeAuth, ""}, // Versity
	"InvalidToken":          {provider.CodeAuth, ""},
	"ExpiredToken":          {provider.CodeAuth, ""},
	"TokenRefreshRequired":  {provider.CodeAuth, ""},
	"RequestTimeTooSkewed":  {provider.CodeAuth, ""},
	"RequestExpired":        {provider.CodeAuth, ""},
	"MissingSecurityHeader": {provider.CodeAuth, ""},
	"InvalidSecurity":       {provider.CodeAuth, ""},
	"NotSignedUp":           {provider.CodeAuth, ""},

	"NoSuchKey":     {provider.CodeNotFound, "key"},
	"NoSuchVersion": {provider.CodeNotFound, "version_id"},
	"NoSuchBucket":  {provider.CodeNotFound, "bucket"},
	"NoSuchUpload":  {provider.CodeNotFound, ""},

	"BucketAlreadyExists":        {provider.CodeConflict, "bucket"},
	"BucketAlreadyOwnedByYou":    {provider.CodeConflict, "bucket"},
	"BucketNotEmpty":             {provider.CodeConflict, "bucket"},
	"InvalidBucketState":         {provider.CodeConflict, ""},
	"InvalidObjectState":         {provider.CodeConflict, ""},
	"ConditionalRequestConflict": {provider.CodeConflict, ""},
	"OperationAborted":           {provider.CodeConflict, ""},
	"PreconditionFailed":         {provider.CodeConflict, ""},

	"InvalidRange":                 {provider.CodeInvalidRequest, "range"},
	"InvalidBucketName":            {provider.CodeInvalidRequest, "bucket"},
	"InvalidStorageClass":          {provider.CodeInvalidRequest, "storage_class"},
	"BadDigest":                    {provider.CodeInvalidRequest, ""},
	"InvalidDigest":                {provider.CodeInvalidRequest, ""},
	"XAmzContentChecksumMismatch":  {provider.CodeInvalidRequest, ""},
	"AuthorizationHeaderMalformed": {provider.CodeAuth, ""},
	"EntityTooLarge":               {provider.CodeTooLarge, ""},
	"MaxMessageLengthExceeded":     {provider.CodeTooLarge, ""},
	"MetadataTooLarge":             {provider.CodeTooLarge, "metadata"},
	"KeyTooLongError":              {provider.CodeTooLarge, "key"},

	"TooManyBuckets":         {provider.CodeQuota, ""},
	"QuotaExceeded":          {provider.CodeQuota, ""},
	"XMinioStorageFull":      {provider.CodeQuota, ""}, // MinIO
	"SlowDown":               {provider.CodeRateLimit, ""},
	"SlowDownRead":           {provider.CodeRateLimit, ""}, // MinIO
	"SlowDownWrite":          {provider.CodeRateLimit, ""}, // MinIO
	"Throttling":             {provider.CodeRateLimit, ""},
	"RequestLimitExceeded":   {provider.CodeRateLimit, ""},
	"TooManyRequests":        {provider.CodeRateLimit, ""},
	"BandwidthLimitExceeded": {provider.CodeRateLimit, ""},
	"ServiceUnavailable":     {provider.CodeOverloaded, ""},
	"Busy":                   {provider.CodeOverloaded, ""},
	"RequestTimeout":         {provider.CodeTimeout, ""},
	"InternalError":          {provider.CodeUpstream, ""},
	"NotImplemented":         {provider.CodeUnsupported, ""},
	"MethodNotAllowed":       {provider.CodeUnsupported, ""},
	"PermanentRedirect":      {provider.CodeInvalidRequest, "bucket"},
	"TemporaryRedirect":      {provider.CodeInvalidRequest, "bucket"},
}

// noBody are the codes of statuses that come without a document, as all
// failures of HEAD do. 404 and 403 can have several reasons and stay without.
var noBody = map[int]string{
	http.StatusNotModified:                  "NotModified",
	http.StatusPreconditionFailed:           "PreconditionFailed",
	http.StatusRequestedRangeNotSatisfiable: "InvalidRange",
}

// errorDocument is the body of a failed answer.
type errorDocument struct {
	XMLName   xml.Name `xml:"Error"`
	Code      string
	Message   string
	RequestID string `xml:"RequestId"`
	Region    string
	Endpoint  string
}

// classify gives an error the class, words and id of the service's document. The
// document repeats what was signed, so nothing else is taken over.
func classify(e *provider.Error, body []byte, secrets []provider.Secret) {
	var doc errorDocument
	if xml.Unmarshal(body, &doc) == nil && doc.Code != "" {
		text := doc.Message
		if doc.Region != "" {
			text += " (region " + doc.Region + ": see the setting region)"
		} else if doc.Endpoint != "" {
			text += " (use " + doc.Endpoint + ": see the setting endpoint)"
		}
		e.UpstreamCode = word(doc.Code, secrets)
		if text = word(text, secrets); text != "" {
			e.Message = text
		}
		if e.RequestID == "" {
			e.RequestID = word(doc.RequestID, secrets)
		}
	} else if code := noBody[e.StatusCode]; code != "" {
		e.UpstreamCode = code
	}
	switch known, ok := classes[e.UpstreamCode]; {
	case ok:
		e.Code, e.Param = known.code, known.param
	case e.StatusCode == http.StatusNotModified:
		e.Code, e.Message = provider.CodeConflict, "the object was not modified, so the condition does not hold"
	case e.StatusCode >= 300 && e.StatusCode < 400:
		e.Code, e.Param = provider.CodeInvalidRequest, "bucket"
		e.Message += "; the bucket is elsewhere: see the settings region and endpoint"
	case e.StatusCode == http.StatusServiceUnavailable && e.UpstreamCode != "":
		e.Code = provider.CodeOverloaded
	}
}

// word makes text of the service fit for an error.
func word(text string, secrets []provider.Secret) string {
	text = strings.Join(strings.Fields(strings.ToValidUTF8(text, "?")), " ")
	return rest.Redact(text[:min(len(text), 1000)], secrets...)
}

// invalid is the error for a mistake in the request; param names the field.
func invalid(param, format string, args ...any) error {
	e := provider.Errorf(provider.CodeInvalidRequest, format, args...)
	e.Param, e.Source = param, provider.SourceCaller
	return e
}
