package provider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
)

func TestSecretsAndSettingsDoNotPrint(t *testing.T) {
	t.Parallel()
	const key = "sk-very-secret"
	holder := struct {
		Key      Secret
		Pointer  *Secret
		Settings Settings
	}{NewSecret(key), new(Secret), NewSettings(json.RawMessage(`{"token":"` + key + `"}`))}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%T %[1]v"} {
		if text := fmt.Sprintf(verb, holder); strings.Contains(text, "very") || strings.Contains(text, fmt.Sprintf("%x", "very")) {
			t.Errorf("%s prints %s", verb, text)
		}
	}
	encoded, err := json.Marshal(holder.Key)
	if err != nil || string(encoded) != `"[REDACTED]"` {
		t.Errorf("JSON: %s, %v", encoded, err)
	}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "key", holder.Key, "settings", holder.Settings)
	if strings.Contains(log.String(), "very") {
		t.Errorf("log: %s", &log)
	}
	if holder.Key.Reveal() != key || holder.Key.IsZero() || !(Secret{}).IsZero() {
		t.Error("the secret itself is lost")
	}
}

func TestSettingsDecodeStrictly(t *testing.T) {
	t.Parallel()
	var into struct {
		URL string `json:"base_url"`
		Key Secret `json:"key"`
	}
	if err := NewSettings(json.RawMessage(`{"base_url":"u","key":"k"}`)).Decode(&into); err != nil || into.URL != "u" || into.Key.Reveal() != "k" {
		t.Errorf("%v, %v", into.URL, err)
	}
	if err := NewSettings(json.RawMessage(`{"base_urls":"u"}`)).Decode(&into); err == nil {
		t.Error("a setting without effect was taken")
	}
	if err := (Settings{}).Decode(&into); err != nil {
		t.Errorf("no settings: %v", err)
	}
}

func TestEveryCodeHasAStatusAndATransientOneMayBeRetried(t *testing.T) {
	t.Parallel()
	for _, c := range Codes() {
		if !c.Known() || c.HTTPStatus() < 400 {
			t.Errorf("%s has the status %d", c, c.HTTPStatus())
		}
		if c.Failure() && !c.Transient() {
			t.Errorf("%s counts against the service and can never go away", c)
		}
	}
	if Code("made_up").Known() || Code("made_up").HTTPStatus() != 500 || Code("made_up").Transient() {
		t.Error("an unknown code is not read as a defect")
	}
}

func TestErrorsSayTheirClass(t *testing.T) {
	t.Parallel()
	tests := []struct {
		err                                *Error
		rateLimit, auth, transient, timely bool
	}{
		{&Error{Code: CodeRateLimit}, true, false, true, false},
		{&Error{Code: CodeAuth}, false, true, false, false},
		{&Error{Code: CodePermission}, false, true, false, false},
		{&Error{Code: CodeTimeout}, false, false, true, true},
		{&Error{Code: CodeUpstream}, false, false, true, false},
		{&Error{Code: CodeUpstream, Retry: RetryNever}, false, false, false, false},
		{&Error{Code: CodeConflict, Retry: RetryAlways}, false, false, true, false},
		{&Error{Code: CodeInvalidRequest}, false, false, false, false},
	}
	for _, tt := range tests {
		e := tt.err
		if e.IsRateLimit() != tt.rateLimit || e.IsAuth() != tt.auth || e.IsTransient() != tt.transient || e.IsTimeout() != tt.timely {
			t.Errorf("%+v: %v %v %v %v", e, e.IsRateLimit(), e.IsAuth(), e.IsTransient(), e.IsTimeout())
		}
	}
}

func TestAsErrorFindsTheClassOfAnyError(t *testing.T) {
	t.Parallel()
	own := Errorf(CodeNotFound, "no model: %w", io.EOF)
	tests := []struct {
		err  error
		want Code
	}{
		{fmt.Errorf("around: %w", own), CodeNotFound}, {context.Canceled, CodeCanceled},
		{context.DeadlineExceeded, CodeTimeout}, {errors.New("odd"), CodeInternal},
	}
	for _, tt := range tests {
		if got := AsError(tt.err); got.Code != tt.want {
			t.Errorf("%v: %s, want %s", tt.err, got.Code, tt.want)
		}
	}
	if AsError(nil) != nil {
		t.Error("nil is no error")
	}
	if !errors.Is(own, io.EOF) || own.Error() != "not_found: no model: EOF" {
		t.Errorf("the cause is lost: %v", own)
	}
}
