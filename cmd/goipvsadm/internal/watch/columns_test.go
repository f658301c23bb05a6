package watch

import "testing"

func TestFormatNumbers(t *testing.T) {
	abbreviated, exact := View{}, View{Exact: true}
	for _, tt := range []struct {
		got, want string
	}{
		{got: abbreviated.formatCount(0, 6), want: "0"},
		{got: abbreviated.formatCount(999999, 6), want: "999999"},
		{got: abbreviated.formatCount(1000000, 6), want: "1.00M"},
		{got: abbreviated.formatCount(1<<64-1, 8), want: "18.4E"},
		{got: exact.formatCount(1<<64-1, 8), want: "18446744073709551615"},
		{got: abbreviated.formatRate(0), want: "0"},
		{got: abbreviated.formatRate(0.04), want: "0.0"},
		{got: abbreviated.formatRate(0.5), want: "0.5"},
		{got: abbreviated.formatRate(2), want: "2"},
		{got: abbreviated.formatRate(9.94), want: "9.9"},
		{got: abbreviated.formatRate(9.96), want: "10"},
		{got: abbreviated.formatRate(99999.4), want: "99999"},
		{got: abbreviated.formatRate(99999.6), want: "100K"},
		{got: exact.formatRate(1234567.4), want: "1234567"},
	} {
		if tt.got != tt.want {
			t.Errorf("got %s, want %s", tt.got, tt.want)
		}
	}
}
