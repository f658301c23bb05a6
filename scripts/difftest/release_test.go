package difftest

import "testing"

func TestFindRelease(t *testing.T) {
	for _, r := range Releases {
		if got := FindRelease(r.ProbeMessage); got.Name != r.Name {
			t.Errorf("%s is taken for %s", r.Name, got.Name)
		}
		// Whatever the release, its answer to the probe reads as the model's.
		if got := r.Translate(r.ProbeMessage); got != Releases[0].ProbeMessage {
			t.Errorf("%s: %q", r.Name, got)
		}
		// What is not its own stays as it is, even where it has the same words.
		const other = "illegal real server address[:port] specified\nno -6 must follow -f\n"
		if got := r.Translate(other); got != other {
			t.Errorf("%s: %q", r.Name, got)
		}
	}
	if got := FindRelease("-6 is not for you\n"); got.Translate("-6 must follow -f\n") != "-6 must follow -f\n" {
		t.Errorf("the unknown release %q has words to translate", got.Name)
	}
}
