package balance

import (
	"cmp"
	"math"
	"slices"
)

// rank orders the candidates by rendezvous hashing (Thaler and Ravishankar 1998):
// each gets a score of the value and its own name, and the highest comes first.
// The same value gives the same order on every host and after every restart, as
// long as the endpoints are the same; if one is removed, only its values move,
// and they spread over all others; one that is added takes its share from each.
//
// The score is weighted (Schindelhauer and Schomaker 2005): -w/ln(u) of a number
// u from the hash makes an endpoint first for a share of w over the sum. Those of
// weight 0 come last, in their order.
func rank[C Candidate](value string, list []C) {
	slices.SortStableFunc(list, func(a, b C) int { return cmp.Compare(score(value, b), score(value, a)) })
}

func score[C Candidate](value string, c C) float64 {
	w := c.Weight()
	if w <= 0 {
		return 0
	}
	// 53 bits of the hash, in the middle of their step: neither 0 nor 1.
	u := (float64(hash(value, c.ID())>>11) + 0.5) / (1 << 53)
	return -float64(w) / math.Log(u)
}

// hash mixes the two texts: FNV-1a, whose upper bits depend little on the last
// characters, and then the finalizer of MurmurHash3, which mends that. It is
// written out so that it stays the same: it decides where clients are at home.
func hash(value, id string) uint64 {
	const offset, prime = 14695981039346656037, 1099511628211
	h := uint64(offset)
	for i := range len(value) {
		h = (h ^ uint64(value[i])) * prime
	}
	h = (h ^ 0xff) * prime // between the texts, so that "a"+"bc" is not "ab"+"c"
	for i := range len(id) {
		h = (h ^ uint64(id[i])) * prime
	}
	h = (h ^ h>>33) * 0xff51afd7ed558ccd
	h = (h ^ h>>33) * 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}
