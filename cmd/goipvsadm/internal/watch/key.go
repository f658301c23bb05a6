package watch

import "bytes"

// A key is a printable character or a control character, or one of these.
type key int

const (
	keyUnknown key = 256 + iota // it has no meaning here
	keyUp
	keyDown
	keyPageUp
	keyPageDown
	keyHome
	keyEnd
)

// Keys that are control characters.
const (
	keyEnter     key = '\r'
	keyLineFeed  key = '\n'
	keyEscape    key = '\x1b'
	keyBackspace key = '\x7f'
	keyCtrlH     key = '\b'
	keyCtrlU     key = '\x15'
)

// sequences are what follows "ESC [" or "ESC O" where a terminal sends more than
// one byte for a key. Terminals differ in Home and End.
var sequences = [...]struct {
	text string
	key  key
}{
	{"A", keyUp}, {"B", keyDown},
	{"5~", keyPageUp}, {"6~", keyPageDown},
	{"H", keyHome}, {"1~", keyHome}, {"7~", keyHome},
	{"F", keyEnd}, {"4~", keyEnd}, {"8~", keyEnd},
}

// decode returns the key that b, which is not empty, begins with and how many
// bytes it takes: none if the rest of it is still to come, unless it is late.
func decode(b []byte, late bool) (k key, length int) {
	if key(b[0]) != keyEscape {
		return key(b[0]), 1
	}
	if len(b) > 1 && b[1] != '[' && b[1] != 'O' {
		return keyEscape, 1
	}
	// Parameters, and then a final byte.
	end := 2
	if bytes.HasPrefix(b, []byte("\x1b[[")) { // Linux has such function keys
		end = 3
	}
	for end < len(b) && b[end] >= ' ' && b[end] < '@' {
		end++
	}
	if end >= len(b) {
		if late {
			return keyEscape, 1
		}
		return 0, 0
	}
	for i := range sequences {
		if bytes.Equal(b[2:end+1], []byte(sequences[i].text)) {
			return sequences[i].key, end + 1
		}
	}
	if b[end] < ' ' {
		return keyUnknown, end // what follows is another key
	}
	return keyUnknown, end + 1
}
