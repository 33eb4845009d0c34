package lockfile

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

// SignatureSuffix makes of a binary's path that of its detached signature.
const SignatureSuffix = ".sig"

// message is what is signed: a line of its own purpose, so that the key's other
// signatures cannot stand for it, and the hash of the binary.
func message(sha256 string) []byte {
	return []byte("backplane provider binary\nsha256 " + sha256 + "\n")
}

// NewKey makes a key pair, as texts: the public one for the configuration's
// trusted_keys, the private one for [Sign].
func NewKey() (public, private string, err error) {
	pub, priv, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return "", "", fmt.Errorf("make a key: %w", err)
	}
	return base64.StdEncoding.EncodeToString(pub), base64.StdEncoding.EncodeToString(priv.Seed()), nil
}

// Sign returns the text of a signature for the binary with this hash.
func Sign(private, sha256 string) (string, error) {
	seed, err := decode(private, ed25519.SeedSize)
	if err != nil {
		return "", fmt.Errorf("the private key: %w", err)
	}
	signature := ed25519.Sign(ed25519.NewKeyFromSeed(seed), message(sha256))
	return base64.StdEncoding.EncodeToString(signature) + "\n", nil
}

// CheckKey reports whether a text is a public key.
func CheckKey(public string) error {
	_, err := decode(public, ed25519.PublicKeySize)
	return err
}

// Verify reports whether the binary at path, which has this hash, is signed by
// one of the trusted keys. Its signature stands beside it.
func Verify(path, sha256 string, trusted []string) error {
	text, err := os.ReadFile(path + SignatureSuffix)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the binary is not signed: there is no %s; sign it with: backplane providers sign, or remove trusted_keys", path+SignatureSuffix)
	}
	if err != nil {
		return fmt.Errorf("read the signature: %w", err)
	}
	signature, err := decode(string(text), ed25519.SignatureSize)
	if err != nil {
		return fmt.Errorf("the signature %s: %w", path+SignatureSuffix, err)
	}
	for _, key := range trusted {
		public, err := decode(key, ed25519.PublicKeySize)
		if err != nil {
			return fmt.Errorf("a trusted key: %w", err)
		}
		if ed25519.Verify(public, message(sha256), signature) {
			return nil
		}
	}
	return fmt.Errorf("the signature %s is not by any of the %d trusted keys, or of another binary than this one with sha256 %s",
		path+SignatureSuffix, len(trusted), sha256)
}

// decode reads base64 of a fixed number of bytes. It does not repeat the text,
// which may be a private key.
func decode(text string, size int) ([]byte, error) {
	data, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil || len(data) != size {
		return nil, fmt.Errorf("it must be base64 of %d bytes", size)
	}
	return data, nil
}

// SignFile signs the binary at path and writes the signature beside it, as a
// whole or not at all. It returns the path of the signature.
func SignFile(private, path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("read the binary: %w", err)
	}
	defer func() { _ = f.Close() }() // only read
	hash := sha256.New()
	if _, err := io.Copy(hash, f); err != nil {
		return "", fmt.Errorf("read the binary %s: %w", path, err)
	}
	text, err := Sign(private, hex.EncodeToString(hash.Sum(nil)))
	if err != nil {
		return "", err
	}
	return path + SignatureSuffix, replace(path+SignatureSuffix, "signature", []byte(text))
}
