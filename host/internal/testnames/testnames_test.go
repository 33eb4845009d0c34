package testnames

import "testing"

func TestOnlyTestsThatExistAreFound(t *testing.T) {
	t.Parallel()
	s := New(t, "../../..")
	if !s.Has("host/internal/testnames", "TestOnlyTestsThatExistAreFound") {
		t.Error("this test was not found")
	}
	for dir, name := range map[string]string{"host/internal/testnames": "TestOnlyTestsThatExist", "no/such/folder": "TestOnlyTestsThatExistAreFound"} {
		if s.Has(dir, name) {
			t.Errorf("%s was found in %s", name, dir)
		}
	}
}
