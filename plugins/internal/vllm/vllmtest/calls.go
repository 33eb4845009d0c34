package vllmtest

import "github.com/backplane-dev/backplane/sdk/provider"

// calls are calls of vLLM's operations: what is sent, what comes back, and what
// the caller gets of it.
var calls = []struct{ op, body, line, sent, answer, want string }{
	{
		op: provider.OpCompletions, body: `{"model":"m","prompt":["a","b"],"top_k":5,"min_p":0.1,"use_beam_search":true,"best_of":2,"ignore_eos":true}`,
		line: "POST /v1/completions", sent: `{"model":"m","prompt":["a","b"],"top_k":5,"min_p":0.1,"use_beam_search":true,"best_of":2,"ignore_eos":true}`,
		answer: `{"object":"text_completion","choices":[{"index":0,"text":"x","finish_reason":"stop"},{"index":1,"text":"y","finish_reason":"length"}]}`,
	},
	{
		op: provider.OpChat, body: `{"model":"m","messages":[],"structured_outputs":{"choice":["a","b"]},"chat_template_kwargs":{"enable_thinking":false},"priority":1}`,
		line: "POST /v1/chat/completions", sent: `{"model":"m","messages":[],"structured_outputs":{"choice":["a","b"]},"chat_template_kwargs":{"enable_thinking":false},"priority":1}`,
		answer: `{"object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"x","reasoning":"hm","reasoning_content":"hm"},"finish_reason":"stop"}]}`,
		want:   `{"object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"x","reasoning_content":"hm"},"finish_reason":"stop"}]}`,
	},
	{
		op: provider.OpChat, body: `{"model":"adapter","messages":[{"role":"assistant","content":"x","reasoning_content":"hm"}]}`,
		line: "POST /v1/chat/completions", sent: `{"model":"adapter","messages":[{"role":"assistant","content":"x","reasoning":"hm"}]}`, answer: `{"object":"chat.completion"}`,
	},
	{op: provider.OpEmbeddings, body: `{"model":"m","input":["a"],"encoding_format":"base64"}`, line: "POST /v1/embeddings", sent: `{"model":"m","input":["a"],"encoding_format":"base64"}`, answer: `{"object":"list","data":[{"object":"embedding","index":0,"embedding":"AAAAAA=="}]}`},
	{op: provider.OpRerank, body: `{"model":"m","query":"q","documents":["a"]}`, line: "POST /v1/rerank", sent: `{"model":"m","query":"q","documents":["a"]}`, answer: `{"id":"r","model":"m","usage":{"total_tokens":5},"results":[{"index":0,"document":{"text":"a"},"relevance_score":0.5}]}`},
	{op: "score", body: `{"model":"m","text_1":"a","text_2":["b","c"]}`, line: "POST /score", sent: `{"model":"m","text_1":"a","text_2":["b","c"]}`, answer: `{"object":"list","data":[{"index":0,"object":"score","score":1},{"index":1,"object":"score","score":0.01}],"usage":{}}`},
	{op: "pooling", body: `{"model":"m","input":"a"}`, line: "POST /pooling", sent: `{"model":"m","input":"a"}`, answer: `{"object":"list","data":[{"index":0,"object":"pooling","data":[[1,2]]}]}`},
	{op: "classify", body: `{"model":"m","input":["a"]}`, line: "POST /classify", sent: `{"model":"m","input":["a"]}`, answer: `{"object":"list","data":[{"index":0,"label":"good","probs":[0.9,0.1],"num_classes":2}]}`},
	{op: "tokenize", body: `{"model":"m","prompt":"a b"}`, line: "POST /tokenize", sent: `{"model":"m","prompt":"a b"}`, answer: `{"count":2,"max_model_len":512,"tokens":[1,2]}`},
	{op: "detokenize", body: `{"model":"m","tokens":[1,2]}`, line: "POST /detokenize", sent: `{"model":"m","tokens":[1,2]}`, answer: `{"prompt":"a b"}`},
	{op: "lora.load", body: `{"lora_name":"a","lora_path":"/p","model":"m"}`, line: "POST /v1/load_lora_adapter", sent: `{"lora_name":"a","lora_path":"/p","model":"m"}`, answer: "Success: LoRA adapter 'a' added successfully.", want: `{"message":"Success: LoRA adapter 'a' added successfully.","status":"success"}`},
	{op: "lora.unload", body: `{"lora_name":"a"}`, line: "POST /v1/unload_lora_adapter", sent: `{"lora_name":"a"}`, answer: "", want: `{"status":"success"}`},
	{op: "lora.list", body: `{}`, line: "GET /v1/models", answer: `{"object":"list","data":[{"id":"m","parent":null},{"id":"a","root":"/p","parent":"m"}]}`, want: `{"data":[{"id":"a","root":"/p","parent":"m"}],"object":"list"}`},
	{op: "health", body: `{}`, line: "GET /health", answer: "", want: `{"status":"success"}`},
	{op: "version", body: `{}`, line: "GET /version", answer: `{"version":"0.11.0"}`},
	{op: provider.OpModels, body: `{}`, line: "GET /v1/models", answer: `{"object":"list","data":[{"id":"m","object":"model","max_model_len":512}]}`},
	{
		op: "metrics", body: `{}`, line: "GET /metrics",
		answer: "# TYPE vllm:num_requests_running gauge\nvllm:num_requests_running{model_name=\"a\\\"b\",engine=\"0\"} 2\nvllm:x_bucket{le=\"1\"} 3\nvllm:x_count 4 1700000000\nvllm:y NaN\nup 1e3\n",
		want:   `{"data":[{"name":"vllm:num_requests_running","labels":{"engine":"0","model_name":"a\"b"},"value":2},{"name":"vllm:x_count","value":4},{"name":"up","value":1000}],"object":"list"}`,
	},
}
