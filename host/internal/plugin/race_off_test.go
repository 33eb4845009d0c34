//go:build !race

package plugin

// swapsToCount is how many swaps must leave nothing behind.
const swapsToCount = 200

// logToRead is how many bytes of log a plugin writes at once.
const logToRead = 1 << 30
