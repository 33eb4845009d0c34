//go:build !race

package endpoint

// slower is by how much heavy tests do less; see the race detector's.
const slower = 1
