package schema

import "testing"

func TestNearestFindsTheWordThatWasMeant(t *testing.T) {
	t.Parallel()
	known := []string{"base_url", "max_concurrent", "timeout", "Retry"}
	tests := []struct{ word, want string }{
		{"base_ulr", "base_url"}, {"max_concurent", "max_concurrent"}, {"timeouts", "timeout"},
		{"retry", "Retry"}, {"temperature", ""}, {"x", ""}, {"", ""}, {"timeuot", "timeout"},
	}
	for _, tt := range tests {
		if got := Nearest(tt.word, known); got != tt.want {
			t.Errorf("Nearest(%q) = %q, want %q", tt.word, got, tt.want)
		}
	}
}
