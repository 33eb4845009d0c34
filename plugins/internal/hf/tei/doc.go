// Package tei is the provider for Text Embeddings Inference: embeddings and
// rerank in the canonical shapes, and the server's own operations. The readers
// are the authors of the plugins that serve it.
package tei
