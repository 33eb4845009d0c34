package main

import (
	"context"
	"encoding/json"
	"fmt"
)

// adminRoot is where the admin API begins.
const adminRoot = "/admin/v1"

// admin talks to the admin API of a running host.
type admin struct{ *client }

func newAdmin(addr string) (*admin, error) {
	c, err := newClient(addr, "admin")
	if err != nil {
		return nil, err
	}
	return &admin{c}, nil
}

// call sends body, if any, to a path below the admin root and decodes the
// answer into out, which may be nil.
func (a *admin) call(ctx context.Context, method, path string, body []byte, out any) error {
	return a.do(ctx, method, adminRoot+path, body, out)
}

// list gets a path that answers with a list in "data".
func (a *admin) list(ctx context.Context, method, path string, out any) error {
	var answer struct {
		Data json.RawMessage `json:"data"`
	}
	if err := a.call(ctx, method, path, nil, &answer); err != nil {
		return err
	}
	if err := json.Unmarshal(answer.Data, out); err != nil {
		return fmt.Errorf("%s answered a list that this version does not know: %w", a.addr, err)
	}
	return nil
}
