// Package admin is the host's REST API for operators, under /admin/v1:
// endpoints, stats, recent requests, providers. Its description is
// openapi.json, served at /admin/v1/openapi.json.
//
// Answers are the types of package status as JSON; lists stand under "data".
// Errors are {"error": {"code", "message", "diagnostics"}}, the diagnostics only
// where settings are wrong.
//
// # Who may call it
//
// There is no login: who can reach the listener may do everything. [Listen]
// therefore makes a socket that only the host's user can open, or listens on
// loopback, where every local user and program gets in; it refuses other
// addresses. Requests from web pages are refused on all of them, so that a page
// in an operator's browser cannot reach what the operator can.
package admin
