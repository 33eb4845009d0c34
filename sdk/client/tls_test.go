package client_test

import (
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/sdk/client"
)

// letIn shakes hands with a server that, like a plugin, takes only who has the
// certificate of variable, and returns the server's verdict.
func letIn(t *testing.T, config *tls.Config, variable string) error {
	t.Helper()
	serverSide, _, err := client.MutualTLS() // any certificate: it is not what is looked at
	if err != nil {
		t.Fatal(err)
	}
	config.InsecureSkipVerify = true
	trusted := x509.NewCertPool()
	if !trusted.AppendCertsFromPEM([]byte(strings.TrimPrefix(variable, "PLUGIN_CLIENT_CERT="))) {
		t.Fatalf("%q holds no certificate", variable)
	}
	ours, theirs := net.Pipe()
	defer func() { _, _ = ours.Close(), theirs.Close() }()
	deadline := time.Now().Add(20 * time.Second)
	_, _ = ours.SetDeadline(deadline), theirs.SetDeadline(deadline)
	done := make(chan error, 1)
	go func() {
		verdict := tls.Server(theirs, &tls.Config{
			Certificates: serverSide.Certificates, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: trusted, MinVersion: tls.VersionTLS12,
		}).Handshake()
		_ = theirs.Close()
		done <- verdict
	}()
	host := tls.Client(ours, config)
	_ = host.Handshake()        // the server's verdict comes after it
	_, _ = host.Read([]byte{0}) // and is read here, up to the end
	return <-done
}

func TestTheHostsCertificateIsOnTheCurveThatEveryLanguageTakes(t *testing.T) {
	t.Parallel()
	_, variable, err := client.MutualTLS()
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode([]byte(strings.TrimPrefix(variable, "PLUGIN_CLIENT_CERT=")))
	if block == nil {
		t.Fatalf("%q holds no certificate", variable)
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	key, ok := cert.PublicKey.(*ecdsa.PublicKey)
	if !ok || key.Curve.Params().Name != "P-256" {
		t.Errorf("its key is %T %+v, want ECDSA on P-256", cert.PublicKey, key)
	}
}

func TestOnlyTheHostWithTheCertificateIsLetIn(t *testing.T) {
	t.Parallel()
	config, variable, err := client.MutualTLS()
	if err != nil {
		t.Fatal(err)
	}
	if err := letIn(t, config, variable); err != nil {
		t.Errorf("the right host: %v", err)
	}
	stranger, _, err := client.MutualTLS()
	if err != nil {
		t.Fatal(err)
	}
	if letIn(t, stranger, variable) == nil {
		t.Error("another host was let in")
	}
}

func TestAHostTrustsNobodyBeforeTheHandshakeLine(t *testing.T) {
	t.Parallel()
	config, _, err := client.MutualTLS()
	if err != nil {
		t.Fatal(err)
	}
	if config.RootCAs == nil || config.InsecureSkipVerify || !config.RootCAs.Equal(x509.NewCertPool()) {
		t.Error("a process without a certificate would be looked up among the system's")
	}
}
