package openaicompat

import (
	"mime"

	"github.com/backplane-dev/backplane/sdk/provider"
)

// endings are the endings of file names by which services know the format.
var endings = map[string]string{
	"audio/mpeg": "mp3", "audio/mp3": "mp3", "audio/mp4": "m4a", "audio/x-m4a": "m4a", "audio/wav": "wav", "audio/x-wav": "wav",
	"audio/webm": "webm", "audio/ogg": "ogg", "audio/flac": "flac", "audio/x-flac": "flac",
	"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp",
	"application/jsonl": "jsonl", "application/x-ndjson": "jsonl", "application/json": "json", "application/pdf": "pdf", "text/plain": "txt",
}

// fileName makes a name for data that has none.
func fileName(contentType string) string {
	kind, _, _ := mime.ParseMediaType(contentType)
	if ending, ok := endings[kind]; ok {
		return "upload." + ending
	}
	return "upload"
}

// formValues are the fields of a form, in order.
type formValues []struct{ name, value string }

func (v formValues) get(name string) string {
	for _, f := range v {
		if f.name == name {
			return f.value
		}
	}
	return ""
}

// formFields makes form fields of the operation's JSON body after its edits:
// strings without quotes, lists as repeated fields, all else as JSON.
func formFields(ed *edit, body []byte) (formValues, error) {
	body, err := ed.parameters(body)
	if err != nil {
		return nil, err
	}
	var fields formValues
	err = eachParameter(body, func(key string, raw []byte) {
		for _, value := range formTexts(raw) {
			fields = append(fields, struct{ name, value string }{key, value})
		}
	})
	return fields, err
}

func badUpload(message string) *provider.Error {
	e := provider.Errorf(provider.CodeInvalidRequest, "%s", message)
	e.Source = provider.SourceCaller
	return e
}
