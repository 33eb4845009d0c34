// Package tgi is the provider for Text Generation Inference, made of three
// parts: a dialect of OpenAI's for chat, completions and what the server tells of
// itself; its own protocol, generate; and chat by a prompt made here, for models
// without a template of their own. The readers are the authors of the plugins
// that serve it.
package tgi
