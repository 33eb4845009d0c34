//go:build !race

package plugin

// swapsToCount is how many swaps must leave nothing behind.
const swapsToCount = 200
