package main

import "github.com/backplane-dev/backplane/sdk/openaicompat"

// hints are fields of OpenAI's that change nothing about the answer. Groq
// refuses requests that have them, so they are left out.
var hints = map[string]string{
	"prompt_cache_key":       "",
	"prompt_cache_retention": "",
	"safety_identifier":      "",
}

// foreign are fields that other services put into the messages of their answers.
// Groq refuses conversations that have them.
var foreign = map[string]string{"refusal": "", "annotations": "", "audio": ""}

// refused are fields of OpenAI's that Groq cannot honour. All other fields go to
// Groq, which says itself what it does not know.
var refused = []openaicompat.Field{
	{Name: "n", Harmless: []string{"1"}, Why: "must be 1: Groq gives one choice; make several requests"},
	{Name: "logprobs", Harmless: []string{"false"}, Why: "is not offered by Groq; leave it out"},
	{Name: "top_logprobs", Harmless: []string{"0"}, Why: "is not offered by Groq; leave it out"},
	{Name: "logit_bias", Harmless: []string{"{}"}, Why: "is not offered by Groq; leave it out"},
	{Name: "audio", Why: "is not offered by Groq; speak the answer with the operation audio.speech"},
	{Name: "modalities", Harmless: []string{`["text"]`, "[]"}, Why: "must be [\"text\"]: Groq answers with text alone"},
	{Name: "prediction", Why: "is not offered by Groq; leave it out"},
	{Name: "verbosity", Why: "is not offered by Groq; ask for short answers in a message"},
	{Name: "web_search_options", Why: "is not offered by Groq; use search_settings with a compound model"},
}
