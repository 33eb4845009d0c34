//go:build !race

package main

// raced says that the tests run without the race detector.
const raced = false
