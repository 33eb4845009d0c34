package schema

import "strings"

// Nearest returns the candidate that given was most likely meant to be, "" if
// none is close: the one with the fewest edits (a letter added, dropped,
// changed, or two swapped), at most one edit for each three letters, else the
// only one that contains given. Case does not count.
func Nearest(given string, candidates []string) string {
	best, bestEdits := "", max(1, len(given)/3)+1
	for _, c := range candidates {
		if d := edits(strings.ToLower(given), strings.ToLower(c)); d < bestEdits {
			best, bestEdits = c, d
		}
	}
	if best != "" || len(given) < 4 {
		return best
	}
	for _, c := range candidates {
		if !strings.Contains(strings.ToLower(c), strings.ToLower(given)) {
			continue
		}
		if best != "" {
			return "" // several contain it: no guess is better than a wrong one
		}
		best = c
	}
	return best
}

// edits is the optimal string alignment distance of a and b.
func edits(a, b string) int {
	rows := [3][]int{make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)}
	for j := range rows[1] {
		rows[1][j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, above, row := rows[(i+2)%3], rows[i%3], rows[(i+1)%3]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			row[j] = min(above[j]+1, row[j-1]+1, above[j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
	}
	return rows[(len(a)+1)%3][len(b)]
}
