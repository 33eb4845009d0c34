package session_test

import (
	"maps"
	"slices"
	"testing"
)

// sortedKeys makes choices among a map's keys repeatable.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// bubble lets rapid run inside a bubble of synctest: of a plain test it would ask
// for its deadline, which a bubble does not have.
type bubble struct{ *testing.T }
