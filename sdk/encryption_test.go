package sdk_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/backplane-dev/backplane/sdk/client"
)

// handshake starts the plugin with a host's certificate and returns the fields of
// its handshake line.
func handshake(t *testing.T, variables ...string) []string {
	t.Helper()
	dir, err := os.MkdirTemp("", "sdk") // the path of t.TempDir can be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	cmd := command(t, "plain", append(variables, "PLUGIN_UNIX_SOCKET_DIR="+dir, "PLUGIN_PROTOCOL_VERSIONS=1",
		client.Handshake.MagicCookieKey+"="+client.Handshake.MagicCookieValue))
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { kill(cmd, stdout) })
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(line, "\n"), "|")
}

func kill(cmd *exec.Cmd, stdout io.Reader) {
	_ = cmd.Process.Kill()
	_, _ = io.Copy(io.Discard, stdout)
	_ = cmd.Wait()
}

func TestAPluginShowsItsHostACertificateOnAQuickCurve(t *testing.T) {
	t.Parallel()
	_, variable, err := client.MutualTLS()
	if err != nil {
		t.Fatal(err)
	}
	for _, more := range [][]string{nil, {"PLUGIN_MULTIPLEX_GRPC=false"}} { // adds a field to the line
		fields := handshake(t, append(more, variable)...)
		if len(fields) != 6+len(more) || fields[4] != "grpc" {
			t.Fatalf("got the handshake %q", fields)
		}
		der, err := base64.RawStdEncoding.DecodeString(fields[5])
		if err != nil {
			t.Fatal(err)
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		if key, ok := cert.PublicKey.(*ecdsa.PublicKey); !ok || key.Curve != elliptic.P256() {
			t.Errorf("the key is a %T, not one on P-256", cert.PublicKey)
		}
		if err := cert.VerifyHostname("localhost"); err != nil {
			t.Error(err)
		}
	}
}

func TestAPluginTakesNobodyButItsHost(t *testing.T) {
	t.Parallel()
	config, variable, err := client.MutualTLS()
	if err != nil {
		t.Fatal(err)
	}
	stranger, _, err := client.MutualTLS()
	if err != nil {
		t.Fatal(err)
	}
	address := handshake(t, variable)[3]
	for _, c := range []struct {
		name  string
		certs []tls.Certificate
		taken bool
	}{
		{"its host", config.Certificates, true},
		{"a stranger", stranger.Certificates, false},
		{"nobody", nil, false},
	} {
		err := shakeHands(t, address, c.certs)
		if taken := err == nil; taken != c.taken {
			t.Errorf("%s: got %v", c.name, err)
		}
	}
}

// shakeHands connects with certificates and waits for what the plugin sends
// first, which it does not send to those that it refuses.
func shakeHands(t *testing.T, address string, certs []tls.Certificate) error {
	t.Helper()
	conn, err := net.Dial("unix", address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	secure := tls.Client(conn, &tls.Config{Certificates: certs, InsecureSkipVerify: true, NextProtos: []string{"h2"}})
	if _, err := io.WriteString(secure, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"); err != nil {
		return err
	}
	_, err = io.ReadFull(secure, make([]byte, 1))
	return err
}

func TestAHostsCertificateThatIsNoneIsRefused(t *testing.T) {
	t.Parallel()
	cmd := command(t, "plain", []string{
		"PLUGIN_CLIENT_CERT=nonsense", client.Handshake.MagicCookieKey + "=" + client.Handshake.MagicCookieValue,
	})
	out, err := cmd.CombinedOutput()
	if err == nil {
		t.Error("it serves")
	}
	contains(t, string(out), "encryption between host and plugin", "PLUGIN_CLIENT_CERT holds no certificate")
}
