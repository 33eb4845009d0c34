package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"path"
	"strings"

	"github.com/backplane-dev/backplane/sdk/provider"
)

func textPart(text string) part { return part{Text: &text} }

// contentParts translates a message's content. An empty text gives no part: the
// service refuses it.
func contentParts(at string, c provider.Content) ([]part, error) {
	if c.Parts == nil {
		if c.Text == "" {
			return nil, nil
		}
		return []part{textPart(c.Text)}, nil
	}
	var parts []part
	for i := range c.Parts {
		p, err := contentPart(fmt.Sprintf("%s.content[%d]", at, i), &c.Parts[i])
		if err != nil {
			return nil, err
		}
		if p.Text == nil || *p.Text != "" {
			parts = append(parts, p)
		}
	}
	return parts, nil
}

// contentPart translates one part of a content.
func contentPart(at string, p *provider.Part) (part, error) {
	switch p.Type {
	case "text":
		return textPart(p.Text), nil
	case "image_url":
		if p.ImageURL == nil || p.ImageURL.URL == "" {
			return part{}, invalid(at+".image_url", "%s.image_url must be an object with a url", at)
		}
		return fileAt(at+".image_url.url", p.ImageURL.URL, "image/jpeg")
	case "video_url":
		var video struct {
			URL string `json:"url"`
		}
		if json.Unmarshal(p.Extra["video_url"], &video) != nil || video.URL == "" {
			return part{}, invalid(at+".video_url", "%s.video_url must be an object with a url", at)
		}
		return fileAt(at+".video_url.url", video.URL, "video/mp4")
	case "input_audio":
		return audioPart(at, p.Extra["input_audio"])
	case "file":
		return filePart(at, p.Extra["file"])
	case "refusal":
		var text string
		if json.Unmarshal(p.Extra["refusal"], &text) != nil {
			return part{}, invalid(at+".refusal", "%s.refusal must be a string", at)
		}
		return textPart(text), nil
	default:
		return part{}, invalid(at+".type", "gemini has no content of type %q; use text, image_url, video_url, input_audio or file", p.Type)
	}
}

// audioTypes are those of OpenAI's formats whose type is not audio/<format>.
var audioTypes = map[string]string{"mp3": "audio/mp3", "wav": "audio/wav", "pcm16": "audio/pcm", "m4a": "audio/mp4"}

func audioPart(at string, raw json.RawMessage) (part, error) {
	var audio struct {
		Data   string `json:"data"`
		Format string `json:"format"`
	}
	if json.Unmarshal(raw, &audio) != nil || audio.Data == "" || audio.Format == "" {
		return part{}, invalid(at+".input_audio", "%s.input_audio must be an object with data and format", at)
	}
	kind, ok := audioTypes[audio.Format]
	if !ok {
		kind = "audio/" + audio.Format
	}
	return inline(at+".input_audio.data", kind, audio.Data)
}

// filePart translates a file with its data, or one that lies at the service
// (file_id is its address or its name, as in files/abc-123).
func filePart(at string, raw json.RawMessage) (part, error) {
	var file struct {
		Data string `json:"file_data"`
		ID   string `json:"file_id"`
		Name string `json:"filename"`
	}
	if json.Unmarshal(raw, &file) != nil || (file.Data == "") == (file.ID == "") {
		return part{}, invalid(at+".file", "%s.file must be an object with either file_data or file_id", at)
	}
	kind := typeByName(file.Name)
	switch {
	case strings.HasPrefix(file.Data, "data:"):
		return fileAt(at+".file.file_data", file.Data, "")
	case file.Data != "" && kind == "":
		return part{}, invalid(at+".file.filename", `%s.file: the kind of file is not known; send file_data as a data: URL, or a filename such as "a.pdf"`, at)
	case file.Data != "":
		return inline(at+".file.file_data", kind, file.Data)
	default:
		return part{FileData: &fileData{MimeType: kind, FileURI: fileURI(file.ID)}}, nil
	}
}

// fileURI completes the name of a file at the service.
func fileURI(id string) string {
	if strings.HasPrefix(id, "files/") {
		return "https://generativelanguage.googleapis.com/v1beta/" + id
	}
	return id
}

// fileAt translates an address: data: URLs are sent along, the service fetches
// all others. Their type is guessed by the name; byDefault is for data: URLs
// that do not say theirs.
func fileAt(at, address, byDefault string) (part, error) {
	if rest, ok := strings.CutPrefix(address, "data:"); ok {
		return dataURL(at, rest, byDefault)
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme == "" || u.Host == "" {
		return part{}, invalid(at, "%s must be a data: URL or an address with https:// or gs://", at)
	}
	return part{FileData: &fileData{MimeType: typeByName(u.Path), FileURI: address}}, nil
}

// dataURL translates a data: URL, given without its scheme.
func dataURL(at, rest, byDefault string) (part, error) {
	head, data, ok := strings.Cut(rest, ",")
	kind, encoded := strings.CutSuffix(head, ";base64")
	if kind = mediaType(kind); kind == "" {
		kind = byDefault
	}
	if !ok || kind == "" {
		return part{}, invalid(at, "%s is no data: URL; write data:TYPE;base64,DATA", at)
	}
	if !encoded {
		plain, err := url.PathUnescape(data)
		if err != nil {
			return part{}, invalid(at, "%s is no data: URL: %w", at, err)
		}
		data = base64.StdEncoding.EncodeToString([]byte(plain))
	}
	return inline(at, kind, data)
}

// inline makes a part of data in base64.
func inline(at, kind, data string) (part, error) {
	if strings.Trim(data, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=") != "" {
		if _, err := base64.StdEncoding.DecodeString(data); err != nil {
			return part{}, invalid(at, "%s: the data is not base64", at)
		}
	}
	return part{InlineData: &blob{MimeType: kind, Data: data}}, nil
}

// typesByName are the kinds of files that the service takes.
var typesByName = map[string]string{
	".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".webp": "image/webp", ".gif": "image/gif",
	".heic": "image/heic", ".heif": "image/heif",
	".mp3": "audio/mp3", ".wav": "audio/wav", ".ogg": "audio/ogg", ".flac": "audio/flac", ".aac": "audio/aac",
	".aiff": "audio/aiff", ".m4a": "audio/mp4",
	".mp4": "video/mp4", ".mov": "video/mov", ".mpeg": "video/mpeg", ".mpg": "video/mpg", ".webm": "video/webm",
	".avi": "video/avi", ".wmv": "video/wmv", ".flv": "video/x-flv", ".3gp": "video/3gpp",
	".pdf": "application/pdf", ".json": "application/json", ".txt": "text/plain", ".md": "text/markdown",
	".csv": "text/csv", ".html": "text/html", ".xml": "text/xml", ".css": "text/css", ".rtf": "text/rtf",
}

// typeByName guesses a file's kind by the end of its name, "" if it is none of
// those that the service takes. The tables of the machine are not asked: they
// differ from one to the next.
func typeByName(name string) string { return typesByName[strings.ToLower(path.Ext(name))] }

// mediaType removes the parameters of a content type.
func mediaType(text string) string {
	kind, _, _ := strings.Cut(text, ";")
	return strings.TrimSpace(kind)
}
