package host

import (
	"encoding/hex"
	"math/rand/v2"
)

// newRequestID makes an id that is unique for all practical purposes: 96 random
// bits. It need not be secret, so the fast generator does.
func newRequestID() string {
	var raw [12]byte
	a, b := rand.Uint64(), rand.Uint32()
	for i := range 8 {
		raw[i] = byte(a >> (8 * i))
	}
	for i := range 4 {
		raw[8+i] = byte(b >> (8 * i))
	}
	return "req_" + hex.EncodeToString(raw[:])
}
