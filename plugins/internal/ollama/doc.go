// Package ollama holds what the two providers for Ollama share, the one for its
// own API and the one for its OpenAI dialect: how its address is written, and
// what its errors mean.
package ollama
