package watch

import "testing"

func TestFormatNumbers(t *testing.T) {
	abbreviated, exact := View{}, View{Exact: true}
	for _, tt := range []struct {
		got, want string
	}{
		{abbreviated.formatCount(0, 6), "0"},
		{abbreviated.formatCount(999999, 6), "999999"},
		{abbreviated.formatCount(1000000, 6), "1.00M"},
		{abbreviated.formatCount(1<<64-1, 8), "18.4E"},
		{exact.formatCount(1<<64-1, 8), "18446744073709551615"},
		{abbreviated.formatRate(0), "0"},
		{abbreviated.formatRate(0.04), "0.0"},
		{abbreviated.formatRate(0.5), "0.5"},
		{abbreviated.formatRate(2), "2"},
		{abbreviated.formatRate(9.94), "9.9"},
		{abbreviated.formatRate(9.96), "10"},
		{abbreviated.formatRate(99999.4), "99999"},
		{abbreviated.formatRate(99999.6), "100K"},
		{exact.formatRate(1234567.4), "1234567"},
	} {
		if tt.got != tt.want {
			t.Errorf("%s, want %s", tt.got, tt.want)
		}
	}
}
