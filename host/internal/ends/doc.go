// Package ends has what tells of the end of a context, for contexts that are made
// for each request: a [Signal] is a part of a larger value and allocates nothing
// until somebody waits for it, and a [Watcher] is told without a closure.
//
// [Context] is the context of a request from outside. It ends when the caller
// leaves; [Of] finds it, so that what belongs to the request can hang on it.
package ends
