// Package balance decides in which order the endpoints of a route are tried.
//
// [Order] puts the endpoint that is to have the request first; the others are
// the fallback and keep the order of the configuration. [Next] then says, each
// time that a request moves on, which of those that are left takes it.
//
// Nothing here is counted or kept between requests: what is known of an endpoint
// is asked of the endpoint itself. So a change of the configuration starts
// nothing anew, several hosts need not agree, and requests share no lock.
package balance

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// Candidate is an endpoint as balancing sees it. The methods are cheap, and say
// what holds at the moment; an endpoint may refuse all the same.
type Candidate interface {
	// ID is the endpoint's name.
	ID() string
	// Weight is its share with [Weighted], and of the clients with [Rule.Sticky].
	// 0 makes it a fallback that is never first.
	Weight() int
	// Available is false if the endpoint would refuse a request or let it wait
	// long: its circuit is open, its gate shut or its queue full.
	Available() bool
	// InFlight is the number of attempts that are running.
	InFlight() int
	// Latency is the recent time to the first token, 0 if it is not known. It must
	// fall while nothing is sent, so that an endpoint which was slow is tried
	// again.
	Latency() time.Duration
}

// Kind is a way to choose the first endpoint.
type Kind uint8

// The kinds.
const (
	// Ordered takes the first of the list.
	Ordered Kind = iota
	// Weighted takes each endpoint as often as its weight says, at random.
	Weighted
	// LeastInFlight takes the endpoint with the fewest running attempts, one of
	// them at random if there are several.
	LeastInFlight
	// Latency picks two endpoints at random and takes the faster, counting what is
	// in flight there.
	Latency
)

// ParseKind reads a kind as the configuration writes it; "" is [Ordered].
func ParseKind(word string) (Kind, error) {
	switch word {
	case "", "ordered":
		return Ordered, nil
	case "weighted":
		return Weighted, nil
	case "least_in_flight":
		return LeastInFlight, nil
	case "latency":
		return Latency, nil
	default:
		return Ordered, fmt.Errorf("balance %q is not known; known are ordered, weighted, least_in_flight, latency", word)
	}
}

// Rule says how a route spreads its requests. The zero Rule is [Ordered].
type Rule struct {
	Kind Kind
	// Sticky is the header whose value decides in place of Kind, where a request
	// has one; "" for none.
	Sticky string
}

// Order puts the candidates into the order in which they are to be tried. stick
// is the value of the rule's sticky header, "" if the request has none.
func Order[C Candidate](rule Rule, stick string, list []C) {
	if len(list) < 2 {
		return
	}
	if stick != "" && rule.Sticky != "" {
		rank(stick, list)
		return
	}
	switch rule.Kind {
	case Ordered:
	case Weighted:
		lead(list, weighted(list))
	case LeastInFlight:
		lead(list, leastInFlight(list))
	case Latency:
		lead(list, faster(list))
	}
}

// Next is the position of the candidate to try now: the first that is available,
// else the first. An endpoint whose turn it is but that would let the request
// wait is not lost: it comes after those that take it at once.
func Next[C Candidate](list []C) int {
	if len(list) == 1 {
		return 0
	}
	for i := range list {
		if list[i].Available() {
			return i
		}
	}
	return 0
}

// lead moves the candidate at position i to the front; the others keep their
// order.
func lead[C any](list []C, i int) {
	first := list[i]
	copy(list[1:i+1], list[:i])
	list[0] = first
}

// weighted picks by weight among those that are available, else among all.
//
// At random rather than in turns (as smooth weighted round robin does): turns
// need a state that all requests of the route change, they begin anew with each
// change of the configuration, and several hosts that begin together keep step
// and send their requests to the same endpoint at the same time. The price is
// that shares hold only on average: after n requests the share p is kept within
// a standard deviation of sqrt(p(1-p)/n).
func weighted[C Candidate](list []C) int {
	for _, all := range []bool{false, true} {
		choice, total := -1, 0
		for i := range list {
			w := list[i].Weight()
			if w <= 0 || !all && !list[i].Available() {
				continue
			}
			// Each is taken with probability w/total and stays with the product of
			// what the later ones leave: w over the sum in the end.
			if total += w; rand.IntN(total) < w {
				choice = i
			}
		}
		if choice >= 0 {
			return choice
		}
	}
	return 0
}

// leastInFlight picks among those that are available, else among all.
func leastInFlight[C Candidate](list []C) int {
	for _, all := range []bool{false, true} {
		choice, least, equal := -1, 0, 0
		for i := range list {
			if !all && !list[i].Available() {
				continue
			}
			switch n := list[i].InFlight(); {
			case choice < 0 || n < least:
				choice, least, equal = i, n, 1
			case n == least:
				if equal++; rand.IntN(equal) == 0 {
					choice = i
				}
			}
		}
		if choice >= 0 {
			return choice
		}
	}
	return 0
}

// faster compares two that were picked at random among those that are
// available, else among all ("the power of two choices", Mitzenmacher 1996).
// Two, since taking the fastest of all sends every request of a moment to the
// same endpoint, whose figure then is out of date.
func faster[C Candidate](list []C) int {
	for _, all := range []bool{false, true} {
		first, second, seen := -1, -1, 0
		for i := range list {
			if !all && !list[i].Available() {
				continue
			}
			seen++
			switch place := rand.IntN(seen); { // a sample of two without a list
			case seen <= 2:
				first, second = i, first
			case place == 0:
				first = i
			case place == 1:
				second = i
			}
		}
		switch {
		case second >= 0:
			return quicker(list, first, second)
		case first >= 0:
			return first
		}
	}
	return 0
}

// quicker is the one of two from which an answer is to be expected sooner: by
// its latency times the requests that would share it, as Finagle's balancer
// counts. If one of them is not known yet, what is in flight decides alone, so
// that a new endpoint is tried and not flooded. Of equals either is as likely.
func quicker[C Candidate](list []C, a, b int) int {
	la, lb := list[a].Latency(), list[b].Latency()
	if la <= 0 || lb <= 0 {
		la, lb = 1, 1
	}
	costA := float64(la) * float64(list[a].InFlight()+1)
	costB := float64(lb) * float64(list[b].InFlight()+1)
	if costA < costB || costA == costB && rand.IntN(2) == 0 {
		return a
	}
	return b
}
