package api

import (
	"net/http"
	"time"

	"github.com/hashicorp/go-hclog"
)

// NewServer makes an HTTP server for the handlers of this package: HTTP/1.1
// only, 10 s and 64 KiB for a request's headers, two minutes for an idle
// connection. Bodies and answers have limits of their own in [Options], for an
// answer may take hours.
func NewServer(h http.Handler, log hclog.Logger) *http.Server {
	if log == nil {
		log = hclog.NewNullLogger()
	}
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	return &http.Server{
		Handler:           h,
		Protocols:         &protocols,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          log.StandardLogger(&hclog.StandardLoggerOptions{ForceLevel: hclog.Debug}),
	}
}
