package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// imageTypes are the images that Claude reads.
var imageTypes = []string{"image/jpeg", "image/png", "image/gif", "image/webp"}

const pdfType = "application/pdf"

// contentBlocks translates the content of a message. Empty texts are left out:
// Claude refuses them.
func contentBlocks(where string, c provider.Content) ([]block, error) {
	if c.Parts == nil {
		if c.Text == "" {
			return nil, nil
		}
		return []block{{Type: typeText, Text: c.Text}}, nil
	}
	var blocks []block
	for i, p := range c.Parts {
		b, err := contentBlock(fmt.Sprintf("%s.content[%d]", where, i), p)
		if err != nil {
			return nil, err
		}
		if b != nil {
			blocks = append(blocks, *b)
		}
	}
	return blocks, nil
}

// contentBlock translates a part, nil if it says nothing. Blocks in Anthropic's
// form (documents, search results, tool results) pass as they are.
func contentBlock(where string, p provider.Part) (*block, error) {
	var b *block
	var err error
	switch p.Type {
	case typeText:
		if p.Text == "" {
			return nil, nil
		}
		if p.Extra["citations"] == nil {
			b = &block{Type: typeText, Text: p.Text}
		}
	case "refusal":
		var text string
		if json.Unmarshal(p.Extra["refusal"], &text) != nil || text == "" {
			return nil, nil
		}
		b = &block{Type: typeText, Text: text}
	case "image_url":
		b, err = image(where, p.ImageURL)
	case "file":
		b, err = file(where, p.Extra["file"])
	case "input_audio", "video_url", "":
		return nil, invalid(where, "%s has the type %q, which Claude cannot read; use text, image_url or file", where, p.Type)
	}
	if err != nil {
		return nil, err
	}
	if b == nil { // Anthropic's own
		raw, err := json.Marshal(p)
		if err != nil {
			return nil, invalid(where, "%s cannot be sent: %w", where, err)
		}
		return &block{Type: p.Type, raw: raw}, nil
	}
	if raw := p.Extra["cache_control"]; !empty(raw) {
		b.CacheControl = raw
	}
	return b, nil
}

// image translates an image by its address or as a data: URL.
func image(where string, given *provider.ImageURL) (*block, error) {
	if given == nil {
		return nil, invalid(where+".image_url", "%s has no image_url", where)
	}
	if strings.HasPrefix(given.URL, "https://") || strings.HasPrefix(given.URL, "http://") {
		return &block{Type: "image", Source: &source{Type: "url", URL: given.URL}}, nil
	}
	mediaType, data, ok := dataURL(given.URL)
	if mediaType == "image/jpg" {
		mediaType = "image/jpeg"
	}
	if !ok || !slices.Contains(imageTypes, mediaType) {
		return nil, invalid(where+".image_url.url", "the image of %s must be an http address or a data: URL in base64 of one of %s",
			where, strings.Join(imageTypes, ", "))
	}
	return &block{Type: "image", Source: &source{Type: "base64", MediaType: mediaType, Data: data}}, nil
}

// file translates a file, which must be a PDF with its bytes.
func file(where string, raw json.RawMessage) (*block, error) {
	var given struct {
		Name string `json:"filename"`
		Data string `json:"file_data"`
	}
	_ = json.Unmarshal(raw, &given) // another kind of value is no file
	mediaType, data, ok := dataURL(given.Data)
	if !ok || mediaType != pdfType {
		return nil, invalid(where+".file.file_data", "the file of %s must be a PDF in file_data, as data:%s;base64,...", where, pdfType)
	}
	return &block{Type: "document", Title: given.Name, Source: &source{Type: "base64", MediaType: pdfType, Data: data}}, nil
}

// dataURL takes a data: URL in base64 apart.
func dataURL(url string) (mediaType, data string, ok bool) {
	rest, ok := strings.CutPrefix(url, "data:")
	if !ok {
		return "", "", false
	}
	head, data, ok := strings.Cut(rest, ",")
	mediaType, encoded := strings.CutSuffix(head, ";base64")
	mediaType, _, _ = strings.Cut(mediaType, ";")
	return strings.ToLower(mediaType), data, ok && encoded && data != ""
}
