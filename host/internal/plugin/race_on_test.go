//go:build race

package plugin

// swapsToCount is less with the race detector, under which a process takes ten
// times as long to start.
const swapsToCount = 30

// logToRead is less as well.
const logToRead = 64 << 20
