//go:build unix

package managed

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/backplane-dev/backplane/sdk/provider"
	"github.com/backplane-dev/backplane/sdk/schema"
)

// ensureImage makes sure that the image is on the engine's machine.
func (c *containers) ensureImage(ctx context.Context, e *engine, progress func(string)) error {
	image := c.spec.Container.Image
	if c.spec.Container.Pull == pullAlways {
		return e.pull(ctx, image, progress)
	}
	err := e.ask(ctx, http.MethodGet, "/images/"+image+"/json", nil, nil, nil)
	switch {
	case !isStatus(err, http.StatusNotFound):
		return err
	case c.spec.Container.Pull == pullNever:
		failure := provider.Errorf(provider.CodeNotFound,
			"the image %s is not on this machine; run docker pull %s, or set server.container.pull to \"missing\"", image, image)
		failure.Retry = provider.RetryNever
		return failure
	default:
		return e.pull(ctx, image, progress)
	}
}

// pulled is one line of the progress of a download.
type pulled struct {
	Status   string `json:"status"`
	ID       string `json:"id"`
	Error    string `json:"error"`
	Progress struct {
		Current int64 `json:"current"`
		Total   int64 `json:"total"`
	} `json:"progressDetail"`
}

// pull downloads an image.
func (e *engine) pull(ctx context.Context, image string, progress func(string)) error {
	progress("downloads the image " + image)
	query := url.Values{"fromImage": {image}}
	if !strings.Contains(image[strings.LastIndex(image, "/")+1:], ":") && !strings.Contains(image, "@") {
		query.Set("tag", "latest") // without one the engine downloads all
	}
	resp, err := e.do(ctx, http.MethodPost, "/images/create", query, nil)
	if err != nil {
		return noImage(image, err)
	}
	defer func() { _ = resp.Body.Close() }() // it was only read
	lines := json.NewDecoder(resp.Body)
	layers := map[string]pulled{}
	for {
		var p pulled
		if err := lines.Decode(&p); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return e.unreachable(ctx, err)
		}
		if p.Error != "" {
			return noImage(image, errors.New(p.Error))
		}
		if p.ID != "" && p.Progress.Total > 0 {
			layers[p.ID] = p
			progress(pulling(image, layers))
		}
	}
}

// pulling says how far a download is.
func pulling(image string, layers map[string]pulled) string {
	var current, total int64
	for _, l := range layers {
		current, total = current+l.Progress.Current, total+l.Progress.Total
	}
	return fmt.Sprintf("downloads the image %s: %s of %s, %s", image, rough(current), rough(total), count(len(layers), "layer"))
}

// rough is a size in whole units.
func rough(n int64) string {
	const mega = 1 << 20
	return schema.FormatSize(n / mega * mega)
}

func noImage(image string, err error) error {
	var known *provider.Error
	if errors.As(err, &known) && known.Code == provider.CodeUnreachable || errors.Is(err, context.Canceled) {
		return err
	}
	failure := provider.Errorf(provider.CodeNotFound, "the image %s cannot be downloaded: %w; look at its name, or run docker pull %s by hand if it needs a login", image, err, image)
	failure.Retry = provider.RetryNever
	return failure
}
