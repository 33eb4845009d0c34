package endpoint

// How says in which way an endpoint is to take a request. The zero How is the
// usual one.
type How struct {
	// Hedge makes one attempt beside a slow one: it takes a slot only if one is
	// free at once, is not repeated, and is marked in the report.
	Hedge bool
}
