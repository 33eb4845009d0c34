// Package selfsigned makes the certificates with which a host and one of its
// plugin processes prove to each other who they are. Each side makes one for
// every process, in memory, and shows it to the other by a way of its own: the
// host in an environment variable, the plugin in its handshake line.
package selfsigned

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"time"
)

// Name is what go-plugin's servers are called, and so the name in every
// certificate of this package.
const Name = "localhost"

const (
	// life is longer than any process lives.
	life = 10 * 365 * 24 * time.Hour
	// skew is how far the clock may have been set back since.
	skew = time.Minute
)

// New makes a key on the curve P-256 and a certificate for one use. It stands
// for itself, as its own authority: whoever trusts it trusts nothing else.
//
// go-plugin's own certificates are on P-521, which takes twenty times as long to
// make and to check (some 5 ms of CPU for each process), and which gRPC's C core,
// and with it Python, Ruby and PHP, refused until 2023 (grpc/grpc#34867).
func New(use x509.ExtKeyUsage) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("make a key: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("make a serial number: %w", err)
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: serial, DNSNames: []string{Name},
		Subject:   pkix.Name{CommonName: Name, Organization: []string{"Backplane"}},
		NotBefore: now.Add(-skew), NotAfter: now.Add(life),
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{use},
		IsCA:        true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("make a certificate: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}
