//go:build race

package endpoint

// slower is by how much the race detector slows heavy tests down, which do so
// much less.
const slower = 20
