//go:build kernel

// Package corpus compares the two programs on the cases of testdata/differential.
package corpus

import (
	"os"
	"testing"

	"goipvsadm/scripts/differential"
)

const testdata = "../../../testdata/differential"

// The first few differences tell what is wrong; hundreds tell no more.
const enough = 20

func TestMain(m *testing.M) {
	if err := differential.FixNames(testdata + "/etc"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

func TestCorpus(t *testing.T) {
	subjects, err := differential.ReadCorpus(testdata)
	if err != nil {
		t.Fatal(err)
	}
	r := differential.NewRig(t, differential.ProgramUnderTest(t))
	for subject, cases := range subjects {
		t.Run(subject, func(t *testing.T) {
			differences, lines := 0, 0
			for _, c := range cases {
				lines += c.Lines()
				if difference := r.Compare(t, c); difference != "" {
					t.Error(difference)
					if differences++; differences == enough {
						t.Fatal("and perhaps more")
					}
				}
			}
			t.Logf("%d command lines in %d cases, %d differ", lines, len(cases), differences)
		})
	}
}
