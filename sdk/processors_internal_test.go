package sdk

import (
	"runtime"
	"testing"
)

func TestHalfOfTheProcessorsAreUsedUnlessSomebodyChose(t *testing.T) {
	t.Cleanup(runtime.SetDefaultGOMAXPROCS)
	runtime.SetDefaultGOMAXPROCS()
	all := runtime.GOMAXPROCS(0)
	half := (all + 1) / 2
	for _, test := range []struct {
		name, variable string
		set            int // by the program, 0 if it did not
		want           int
	}{
		{"nobody chose", "", 0, half},
		{"the environment chose", "7", 0, all}, // the runtime has read it by itself
		{"the program chose", "", all + 3, all + 3},
	} {
		runtime.SetDefaultGOMAXPROCS()
		if test.set > 0 {
			runtime.GOMAXPROCS(test.set)
		}
		setProcessors(func(name string) string { return map[string]string{"GOMAXPROCS": test.variable}[name] })
		if got := runtime.GOMAXPROCS(0); got != test.want {
			t.Errorf("%s: %d processors, want %d of %d", test.name, got, test.want, all)
		}
	}
}
