package route

import "strings"

// isGlob reports whether the pattern has a wildcard.
func isGlob(pattern string) bool { return strings.ContainsAny(pattern, "*?") }

// literals counts the characters of a pattern that are not wildcards.
func literals(pattern string) int {
	return len(pattern) - strings.Count(pattern, "*") - strings.Count(pattern, "?")
}

// MatchAny reports whether any of the patterns matches name, as [Match] does.
func MatchAny(patterns []string, name string) bool {
	return matchAny(lowered(patterns), strings.ToLower(name))
}

// Match reports whether the pattern matches the whole name, without regard to
// case. * stands for any run of characters, ? for any one. It takes time
// proportional to len(pattern) * len(name) at worst: patterns come from
// plugins, which are not trusted to be kind.
func Match(pattern, name string) bool {
	return match(strings.ToLower(pattern), strings.ToLower(name))
}

func lowered(patterns []string) []string {
	lower := make([]string, len(patterns))
	for i, p := range patterns {
		lower[i] = strings.ToLower(p)
	}
	return lower
}

// matchAny is MatchAny for patterns and a name in lower case.
func matchAny(patterns []string, name string) bool {
	for _, p := range patterns {
		if match(p, name) {
			return true
		}
	}
	return false
}

// match is Match for a pattern and a name in lower case.
func match(pattern, name string) bool {
	p, n := 0, 0
	star, mark := -1, 0 // the latest * and what it has eaten up to
	for n < len(name) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, n
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == name[n]):
			p++
			n++
		case star >= 0:
			mark++
			p, n = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
