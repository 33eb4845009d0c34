package simulate

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"
)

// The flags of scripts/simulate, which runs this package's test: virtual time is
// to be had in tests only.
var (
	worldFiles = flag.String("worlds", "", "files of worlds to run, separated by commas; default: those in testdata")
	pictures   = flag.String("pictures", "", "folder to draw pictures into; default: none")
	format     = flag.String("format", "svg", "format of the pictures: svg or png")
)

func TestMain(m *testing.M) {
	flag.Parse()
	goleak.VerifyTestMain(m)
}

func TestEachWorldGoesAsItsDescriptionExpects(t *testing.T) {
	files, err := filepath.Glob("testdata/*.json")
	if *worldFiles != "" {
		files, err = strings.Split(*worldFiles, ","), nil
	}
	if err != nil || len(files) == 0 {
		t.Fatalf("no worlds: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			w, err := ParseWorld(data)
			if err != nil {
				t.Fatal(err)
			}
			play(t, w)
		})
	}
}

// play runs a world's variants, prints and draws them, and holds them against
// what is expected of them.
func play(t *testing.T, w World) {
	var outcomes []Outcome
	for _, v := range w.Variants {
		policy, err := w.PolicyOf(v)
		if err != nil {
			t.Fatal(err)
		}
		o := Outcome{Variant: v}
		synctest.Test(t, func(*testing.T) { o.Result = Run(w, policy) })
		outcomes = append(outcomes, o)
		for _, missed := range v.Expect.Missed(o.Result) {
			t.Errorf("%s: %s", v.Name, missed)
		}
	}
	var table strings.Builder
	if err := Print(&table, w, outcomes); err != nil {
		t.Fatal(err)
	}
	t.Log("\n" + table.String())
	picture, err := Draw(w, outcomes, *format)
	if err != nil {
		t.Fatal(err)
	}
	if *pictures == "" {
		return
	}
	if err := os.WriteFile(filepath.Join(*pictures, w.Name+"."+*format), picture, 0o644); err != nil {
		t.Fatal(err)
	}
}
