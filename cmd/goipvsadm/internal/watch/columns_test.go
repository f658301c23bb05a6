package watch

import "testing"

func TestFormatNumbers(t *testing.T) {
	abbreviated, exact := View{}, View{Exact: true}
	for _, tt := range []struct {
		got, want string
	}{
		{got: string(abbreviated.appendCount(nil, 0, 6)), want: "0"},
		{got: string(abbreviated.appendCount(nil, 999999, 6)), want: "999999"},
		{got: string(abbreviated.appendCount(nil, 1000000, 6)), want: "1.00M"},
		{got: string(abbreviated.appendCount(nil, 1<<64-1, 8)), want: "18.4E"},
		{got: string(exact.appendCount(nil, 1<<64-1, 8)), want: "18446744073709551615"},
		{got: string(abbreviated.appendRate(nil, 0)), want: "0"},
		{got: string(abbreviated.appendRate(nil, 0.04)), want: "0.0"},
		{got: string(abbreviated.appendRate(nil, 0.5)), want: "0.5"},
		{got: string(abbreviated.appendRate(nil, 2)), want: "2"},
		{got: string(abbreviated.appendRate(nil, 9.94)), want: "9.9"},
		{got: string(abbreviated.appendRate(nil, 9.96)), want: "10"},
		{got: string(abbreviated.appendRate(nil, 99999.4)), want: "99999"},
		{got: string(abbreviated.appendRate(nil, 99999.6)), want: "100K"},
		{got: string(exact.appendRate(nil, 1234567.4)), want: "1234567"},
	} {
		if tt.got != tt.want {
			t.Errorf("got %s, want %s", tt.got, tt.want)
		}
	}
}
