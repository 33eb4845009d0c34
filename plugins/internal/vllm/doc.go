// Package vllm is vLLM's dialect, for all providers of servers that run it.
package vllm
