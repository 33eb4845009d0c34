package admin

// Routes lists what is served, as "METHOD /path".
func Routes() []string {
	var all []string
	for _, r := range routes() {
		all = append(all, r.method+" "+r.path)
	}
	return all
}
