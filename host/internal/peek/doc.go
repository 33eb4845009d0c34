// Package peek reads the few facts that the host decides on out of a JSON body
// without decoding it: which model is asked for, whether the answer is to be
// streamed, how embeddings are to be encoded.
//
// The whole body is checked against JSON's grammar on the way, exactly as
// strictly as encoding/json does, so that a broken body is refused by the host
// with its position and never travels to a plugin. Nothing is allocated except
// the strings that are returned; skipping a value costs about a tenth of what
// decoding it would.
//
// Keys are compared byte for byte ("Model" is not "model"), and of a key given
// twice the last one counts, null being the same as absent: what a decoder into
// a map does.
package peek
