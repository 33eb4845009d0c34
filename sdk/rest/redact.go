package rest

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/backplane-dev/backplane/sdk/provider"
)

const (
	redacted = "[REDACTED]"
	// maxText bounds a message that is made of what a service sent.
	maxText = 2 << 10
	// minSecret is the length from which on a secret is searched for: hiding
	// each "x" would hide the message.
	minSecret = 4
)

// credentials match what looks like a credential, whoever wrote it. A match is
// replaced from its last group on; bare words such as "key" are not enough, as
// "unknown key: temprature" must stay readable.
var credentials = []*regexp.Regexp{
	regexp.MustCompile(`(?i)(\b(?:bearer|basic|token)[ \t]+)[A-Za-z0-9._~+/=-]{8,}`),
	regexp.MustCompile(`(\b)(?:sk|pk|rk|gsk|hf|xai|nvapi|ghp|pplx|r8)[-_][A-Za-z0-9_*.\-]{6,}`),
	regexp.MustCompile(`(\b)(?:AIza[A-Za-z0-9_\-]{10,}|A[KS]IA[A-Z0-9]{12,})`),
	regexp.MustCompile(`(\b)eyJ[A-Za-z0-9_\-]{6,}\.[A-Za-z0-9_\-]+(?:\.[A-Za-z0-9_\-]+)?`),
	regexp.MustCompile(`(?i)((?:api[_-]?key|access[_-]?token|client[_-]?secret|password|authorization|x-amz-signature)["']?\s*[:=]\s*["']?)[^\s"'&,;}\]]{4,}`),
	regexp.MustCompile(`(?i)([?&](?:key|token|sig|signature)=)[^\s"'&]+`),
	regexp.MustCompile(`(://)[^/\s:@]+:[^/\s@]+(?:@)`),
}

// Redact removes the given secrets, and whatever else looks like a credential,
// from text. It is meant for error texts, not for the hot path.
func Redact(text string, secrets ...provider.Secret) string {
	for _, s := range secrets {
		text = redactLiteral(text, s.Reveal())
	}
	for _, pattern := range credentials {
		text = pattern.ReplaceAllString(text, "${1}"+redacted)
	}
	return text
}

// redactLiteral replaces secret as it is and as it stands in a URL.
func redactLiteral(text, secret string) string {
	if len(secret) < minSecret {
		return text
	}
	text = strings.ReplaceAll(text, secret, redacted)
	for _, escaped := range []string{url.QueryEscape(secret), url.PathEscape(secret)} {
		if escaped != secret {
			text = strings.ReplaceAll(text, escaped, redacted)
		}
	}
	return text
}

// secretHeaders are the request headers whose values are credentials.
var secretHeaders = []string{
	"Authorization", "Proxy-Authorization", "X-Api-Key", "Api-Key", "X-Goog-Api-Key",
	"X-Auth-Token", "X-Amz-Security-Token", "Cookie",
}

// headerSecrets collects the credentials of a request.
func headerSecrets(h http.Header) []provider.Secret {
	var secrets []provider.Secret
	for _, name := range secretHeaders {
		for _, value := range h[name] {
			secrets = append(secrets, provider.NewSecret(value))
			if _, token, ok := strings.Cut(value, " "); ok {
				secrets = append(secrets, provider.NewSecret(token))
			}
		}
	}
	return secrets
}

// clean makes text fit for an error message: valid UTF-8 on one line, white
// space collapsed, at most limit bytes.
func clean(text string, limit int) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r)
	}), " ")
	if len(text) <= limit {
		return text
	}
	const more = "…"
	cut := limit - len(more)
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + more
}
