package client

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"time"
)

// certificateEnv is go-plugin's variable for the host's certificate.
const certificateEnv = "PLUGIN_CLIENT_CERT"

// certificateLife is longer than any process lives; there is one for each.
const certificateLife = 10 * 365 * 24 * time.Hour

// MutualTLS makes the host's half of the encryption between it and one process:
// the value of [plugin.ClientConfig.TLSConfig], and an environment variable for
// the process, which answers with its own certificate in the handshake line.
//
// It does what go-plugin's AutoMTLS does, but on the curve P-256: AutoMTLS takes
// P-521, which gRPC's C core, and with it Python, Ruby and PHP, refused until
// 2023 (grpc/grpc#34867), and which takes ten times as long to make. Leave
// AutoMTLS off beside it.
func MutualTLS() (config *tls.Config, variable string, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, "", fmt.Errorf("make the host's key: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, "", fmt.Errorf("make the host's certificate: %w", err)
	}
	const name = "localhost" // what go-plugin's servers are called
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name, Organization: []string{"Backplane"}}, DNSNames: []string{name},
		NotBefore: now.Add(-time.Minute), NotAfter: now.Add(certificateLife),
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		IsCA:        true, BasicConstraintsValid: true, // it stands for itself: the process trusts it alone
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, "", fmt.Errorf("make the host's certificate: %w", err)
	}
	config = &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
		ServerName:   name, MinVersion: tls.VersionTLS12,
		RootCAs: x509.NewCertPool(), // nobody, until the handshake names the process's certificate
	}
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return config, certificateEnv + "=" + string(block), nil
}
