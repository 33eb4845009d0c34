// Package prompt makes the text of a prompt of a conversation, for models whose
// server has no template of their own. The reader is the author of a plugin.
package prompt

import (
	"slices"
	"strings"
)

// Auto chooses a template by the model's name.
const Auto = "auto"

// Turn is one message of a conversation. The role is system, user or assistant.
type Turn struct{ Role, Text string }

// Template is a way to write a conversation.
type Template struct {
	name string
	// before and after stand around a turn of each role.
	before, after map[string]string
	// inUser puts what the system says into the next turn of the user, between
	// the texts of before and after.
	inUser bool
	// open is where the model goes on.
	open string
	// stops are texts with which the model would begin another's turn.
	stops []string
}

// templates in the order of [Names].
var templates = []Template{
	around("default", "<|system|>\n", "<|user|>\n", "<|assistant|>\n", "\n", "<|user|>", "<|system|>"),
	around("chatml", "<|im_start|>system\n", "<|im_start|>user\n", "<|im_start|>assistant\n", "<|im_end|>\n", "<|im_end|>"),
	around("llama3", header("system"), header("user"), header("assistant"), "<|eot_id|>", "<|eot_id|>"),
	around("falcon", "System: ", "User: ", "Falcon: ", "\n", "\nUser:"),
	around("instruction", "", "### Instruction:\n", "### Response:\n", "\n\n", "### Instruction:"),
	{
		name: "llama2", inUser: true,
		before: map[string]string{"system": "<<SYS>>\n", "user": "[INST] ", "assistant": " "},
		after:  map[string]string{"system": "\n<</SYS>>\n\n", "user": " [/INST]", "assistant": " </s><s>"},
	},
	{
		name: "mistral", inUser: true,
		before: map[string]string{"user": "[INST] ", "assistant": " "},
		after:  map[string]string{"system": "\n\n", "user": " [/INST]", "assistant": "</s>"},
	},
}

func header(role string) string { return "<|start_header_id|>" + role + "<|end_header_id|>\n\n" }

func around(name, system, user, assistant, end string, stops ...string) Template {
	return Template{
		name: name, open: strings.TrimRight(assistant, " "), stops: stops,
		before: map[string]string{"system": system, "user": user, "assistant": assistant},
		after:  map[string]string{"system": end, "user": end, "assistant": end},
	}
}

// Names are the templates' names.
func Names() []string {
	names := make([]string, len(templates))
	for i := range templates {
		names[i] = templates[i].name
	}
	return names
}

// families are parts of models' names, in lower case; the first that fits counts.
var families = []struct{ part, name string }{
	{"llama-3", "llama3"}, {"llama3", "llama3"}, {"llama-2", "llama2"}, {"llama2", "llama2"}, {"codellama", "llama2"},
	{"mixtral", "mistral"}, {"zephyr", "default"}, {"hermes", "chatml"}, {"qwen", "chatml"}, {"chatml", "chatml"}, {"smollm", "chatml"},
	{"mistral", "mistral"}, {"falcon", "falcon"}, {"alpaca", "instruction"}, {"vicuna", "instruction"}, {"dolly", "instruction"}, {"flan", "instruction"},
}

// Named returns a template; [Auto], and a name that is none, by the model's name.
func Named(name, model string) Template {
	model = strings.ToLower(model)
	for i := 0; name == Auto && i < len(families); i++ {
		if strings.Contains(model, families[i].part) {
			name = families[i].name
		}
	}
	i := slices.IndexFunc(templates, func(t Template) bool { return t.name == name })
	return templates[max(i, 0)]
}

// Stops are texts at which the model is to stop.
func (t Template) Stops() []string { return slices.Clone(t.stops) }

// Write makes the prompt. Nothing that the system says is lost: without a turn
// of the user after it, it stands in one of its own.
func (t Template) Write(turns []Turn) string {
	var b strings.Builder
	system := ""
	for _, turn := range turns {
		said := turn.Text
		if t.inUser && turn.Role == "system" {
			system += t.before["system"] + said + t.after["system"]
			continue
		}
		if t.inUser && turn.Role == "user" {
			said, system = system+said, ""
		}
		b.WriteString(t.before[turn.Role] + said + t.after[turn.Role])
	}
	if system != "" {
		b.WriteString(t.before["user"] + strings.TrimRight(system, "\n") + t.after["user"])
	}
	return b.String() + t.open
}
