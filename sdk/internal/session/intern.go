package session

// Bounds of an [interner]: together it holds less than 100 KiB.
const (
	maxNames      = 1024
	maxNameLength = 96 // bytes; longer texts seldom come twice
)

// interner gives texts that come again and again, such as the names of models and
// headers, one string for all times. It is used by one goroutine.
type interner struct{ names map[string]string }

// get returns data as a string.
func (i *interner) get(data []byte) string {
	if name, ok := i.names[string(data)]; ok { // the compiler makes no string for this
		return name
	}
	name := string(data)
	if len(data) == 0 || len(data) > maxNameLength {
		return name
	}
	if i.names == nil || len(i.names) >= maxNames { // what is used comes back soon
		i.names = make(map[string]string)
	}
	i.names[name] = name
	return name
}
