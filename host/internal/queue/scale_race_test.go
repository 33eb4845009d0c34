//go:build race

package queue

// slower is by how much the race detector slows heavy tests down, which do so
// much less.
const slower = 40
