package prompt

import (
	"slices"
	"testing"
)

var conversation = []Turn{{"system", "S"}, {"user", "U"}, {"assistant", "A"}, {"user", "V"}}

func TestAConversationIsWrittenAsTheModelLearnedIt(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"default":     "<|system|>\nS\n<|user|>\nU\n<|assistant|>\nA\n<|user|>\nV\n<|assistant|>\n",
		"chatml":      "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nU<|im_end|>\n<|im_start|>assistant\nA<|im_end|>\n<|im_start|>user\nV<|im_end|>\n<|im_start|>assistant\n",
		"llama3":      header("system") + "S<|eot_id|>" + header("user") + "U<|eot_id|>" + header("assistant") + "A<|eot_id|>" + header("user") + "V<|eot_id|>" + header("assistant"),
		"falcon":      "System: S\nUser: U\nFalcon: A\nUser: V\nFalcon:",
		"instruction": "S\n\n### Instruction:\nU\n\n### Response:\nA\n\n### Instruction:\nV\n\n### Response:\n",
		"llama2":      "[INST] <<SYS>>\nS\n<</SYS>>\n\nU [/INST] A </s><s>[INST] V [/INST]",
		"mistral":     "[INST] S\n\nU [/INST] A</s>[INST] V [/INST]",
	} {
		if got := Named(name, "").Write(conversation); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
		if !slices.Contains(Names(), name) {
			t.Errorf("%s is not among the names", name)
		}
	}
	if got := Named("mistral", "").Write([]Turn{{"system", "S"}}); got != "[INST] S [/INST]" {
		t.Errorf("got %q", got)
	}
}

func TestTheTemplateIsChosenByTheModelsName(t *testing.T) {
	t.Parallel()
	for model, want := range map[string]string{
		"meta-llama/Llama-3.1-8B-Instruct": "llama3", "meta-llama/Llama-2-7b-chat-hf": "llama2", "mistralai/Mixtral-8x7B": "mistral",
		"Qwen/Qwen2.5-3B": "chatml", "teknium/OpenHermes-2.5-Mistral-7B": "chatml", "HuggingFaceH4/zephyr-7b-beta": "default",
		"tiiuae/falcon-7b": "falcon", "google/flan-t5-small": "instruction", "owner/other": "default",
	} {
		if got := Named(Auto, model).name; got != want {
			t.Errorf("%s: got %s, want %s", model, got, want)
		}
	}
	if got := Named("chatml", "meta-llama/Llama-2").name; got != "chatml" {
		t.Errorf("got %s", got)
	}
}
