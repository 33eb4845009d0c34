package sdk

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/backplane-dev/backplane/sdk/internal/selfsigned"
)

// hostCertificateEnv is go-plugin's variable with the certificate of a host that
// wants mutual TLS.
const hostCertificateEnv = "PLUGIN_CLIENT_CERT"

// certificateField is the place of the plugin's certificate in the handshake line
// "core|protocol|network|address|kind|certificate", counted from zero.
const certificateField = 5

// encryption is the plugin's half of mutual TLS. go-plugin has one of its own,
// which is slower to set up than everything else at a plugin's start; see
// [selfsigned.New]. To hosts it makes no difference.
type encryption struct {
	config *tls.Config
	// certificate as it stands in the handshake line.
	certificate string
}

// newEncryption makes the plugin's half for a host with the given certificate in
// PEM.
func newEncryption(host string) (*encryption, error) {
	hosts := x509.NewCertPool()
	if !hosts.AppendCertsFromPEM([]byte(host)) {
		return nil, fmt.Errorf("%s holds no certificate", hostCertificateEnv)
	}
	own, err := selfsigned.New(x509.ExtKeyUsageServerAuth)
	if err != nil {
		return nil, err
	}
	return &encryption{
		config: &tls.Config{
			Certificates: []tls.Certificate{own}, MinVersion: tls.VersionTLS12,
			ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: hosts,
		},
		certificate: base64.RawStdEncoding.EncodeToString(own.Certificate[0]),
	}, nil
}

// announce returns a file to print the handshake line to: it goes on to stdout
// with the certificate in it, which go-plugin leaves out for a configuration that
// is not its own. What comes after the line is lost.
func (e *encryption) announce(stdout io.Writer) (*os.File, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("make a pipe for the handshake: %w", err)
	}
	go func() {
		defer func() { _ = errors.Join(r.Close(), w.Close()) }() // the line has been passed on
		line, err := bufio.NewReader(r).ReadString('\n')
		if err == nil {
			// A host that does not get the line says so.
			_, _ = io.WriteString(stdout, e.complete(line))
		}
	}()
	return w, nil
}

// complete puts the certificate into a handshake line.
func (e *encryption) complete(line string) string {
	fields := strings.Split(strings.TrimSuffix(line, "\n"), "|")
	if len(fields) > certificateField {
		fields[certificateField] = e.certificate
	}
	return strings.Join(fields, "|") + "\n"
}
