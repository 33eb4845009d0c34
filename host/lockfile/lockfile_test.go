package lockfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

const (
	sumA = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
	sumB = "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752"
)

func TestAFileReadsAsItWasWritten(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), Name)
	f := new(File)
	f.Lock("openai", "1.2.0", 1, sumA)
	f.Lock("echo", "0.1.0", 1, sumB)
	f.Providers["openai"].SHA256["plan9_mips"] = sumB
	if err := f.Write(path); err != nil {
		t.Fatal(err)
	}
	got, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if got.Path != path || !reflect.DeepEqual(got.Providers, f.Providers) {
		t.Errorf("got %+v, want %+v", got.Providers, f.Providers)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(text), "# Written by: backplane providers lock\n") ||
		strings.Index(string(text), `"echo"`) > strings.Index(string(text), `"openai"`) {
		t.Errorf("the file:\n%s", text)
	}
	left, err := filepath.Glob(path + ".*")
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestOtherPlatformsAreKeptForTheSameVersionOnly(t *testing.T) {
	t.Parallel()
	f := &File{Providers: map[string]Entry{"a": {Version: "1", Protocol: 1, SHA256: map[string]string{"plan9_mips": sumA}}}}
	f.Lock("a", "1", 1, sumB)
	if got := f.Providers["a"].SHA256; got["plan9_mips"] != sumA || got[Platform()] != sumB {
		t.Errorf("same version: %v", got)
	}
	f.Lock("a", "2", 1, sumB)
	if got := f.Providers["a"].SHA256; len(got) != 1 {
		t.Errorf("another version keeps %v", got)
	}
}

func TestCheckTellsBothSumsAndTheWayOut(t *testing.T) {
	t.Parallel()
	f := &File{Path: "x.lock.hcl", Providers: map[string]Entry{
		"a": {Version: "1.2.0", SHA256: map[string]string{Platform(): sumA}},
		"b": {Version: "1.2.0", SHA256: map[string]string{"plan9_mips": sumA}},
	}}
	if err := f.Check("a", sumA); err != nil {
		t.Errorf("the pinned binary: %v", err)
	}
	for name, want := range map[string][]string{
		"a": {sumA, sumB, "1.2.0", "x.lock.hcl", "backplane providers lock"},
		"b": {Platform(), "plan9_mips", "backplane providers lock"},
		"c": {"not in x.lock.hcl", "backplane providers lock"},
	} {
		err := f.Check(name, sumB)
		for _, part := range want {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("%s: %v, want %q in it", name, err, part)
			}
		}
	}
}

func TestABrokenFileIsShownWithItsLine(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"provider \"a\" {\n  version = \"1\"\n  shape = 1\n  sha256 = {}\n}\n": `line 3`,
		"provider \"a\" {": "line 1",
		"provider \"a\" {\n version = \"1\"\n protocol = 1\n sha256 = { linux_amd64 = \"12\" }\n}\n": "64 hexadecimal digits",
		strings.Repeat("provider \"a\" {\n version = \"1\"\n protocol = 1\n sha256 = {}\n}\n", 2):    "twice",
		"provider \"a\" {\n version = \"1\"\n protocol = 1\n sha256 = {}\n}\nserver {}\n":            "server",
		"provider \"a\" {\n version = \"1\"\n protocol = \"one\"\n sha256 = {}\n}\n":                 "number",
	} {
		path := filepath.Join(t.TempDir(), Name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Read(path)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "backplane providers lock") {
			t.Errorf("%s\n%v, want %q in it", text, err, want)
		}
	}
	if _, err := Read(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

func TestASignatureHoldsForOneBinaryAndTheTrustedKeysOnly(t *testing.T) {
	t.Parallel()
	public, private, err := NewKey()
	if err != nil {
		t.Fatal(err)
	}
	other, _, err := NewKey()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "binary")
	if err := Verify(path, sumA, []string{public}); err == nil || !strings.Contains(err.Error(), "not signed") {
		t.Errorf("without a signature: %v", err)
	}
	signature, err := Sign(private, sumA)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path+SignatureSuffix, []byte(signature), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Verify(path, sumA, []string{other, public}); err != nil {
		t.Errorf("a good signature: %v", err)
	}
	if err := Verify(path, sumB, []string{public}); err == nil {
		t.Error("the signature of another binary was taken")
	}
	if err := Verify(path, sumA, []string{other}); err == nil {
		t.Error("the signature by a key that is not trusted was taken")
	}
	if err := os.WriteFile(path+SignatureSuffix, []byte("AAAA"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Verify(path, sumA, []string{public}); err == nil || !strings.Contains(err.Error(), "base64 of 64 bytes") {
		t.Errorf("a broken signature: %v", err)
	}
	if _, err := Sign("secret!", sumA); err == nil || strings.Contains(err.Error(), "secret!") {
		t.Errorf("a broken private key: %v", err)
	}
}
