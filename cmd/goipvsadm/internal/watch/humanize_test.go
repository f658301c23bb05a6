package watch

import "testing"

func TestNumbers(t *testing.T) {
	var v View
	for _, tt := range []struct {
		got, want string
	}{
		{v.amount(0, 6), "0"},
		{v.amount(999999, 6), "999999"},
		{v.amount(1000000, 6), "1.00M"},
		{v.amount(1<<64-1, 8), "18.4E"},
		{(&View{Exact: true}).amount(1<<64-1, 8), "18446744073709551615"},
		{v.rate(0), "0"},
		{v.rate(0.04), "0.0"},
		{v.rate(0.5), "0.5"},
		{v.rate(2), "2"},
		{v.rate(9.94), "9.9"},
		{v.rate(9.96), "10"},
		{v.rate(99999.4), "99999"},
		{v.rate(99999.6), "100K"},
		{v.rate(999499), "999K"},
		{v.rate(999500), "1.00M"},
		{v.rate(9994999), "9.99M"},
		{v.rate(9995001), "10.0M"},
		{v.rate(99.96e6), "100M"},
		{v.rate(1.8e19), "18.0E"},
		{(&View{Exact: true}).rate(1234567.4), "1234567"},
	} {
		if tt.got != tt.want {
			t.Errorf("%s, want %s", tt.got, tt.want)
		}
	}
}
