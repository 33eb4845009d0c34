// Package hf holds what the providers for Hugging Face's servers share: Text
// Generation Inference and Text Embeddings Inference report errors, take keys
// and count tokens alike. The reader is the author of one of those plugins.
package hf
