// SPDX-License-Identifier: MIT

package watch

import "bytes"

// A key is a printable character, a control character or one of these constants.
type key int

const (
	keyUnknown key = 256 + iota // any other escape sequence
	keyUp
	keyDown
	keyPageUp
	keyPageDown
	keyHome
	keyEnd
	keyF1
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

// escapeSequences lists the suffixes of the escape sequences of keys, after "ESC [" or
// "ESC O". Home, End and F1 have a different sequence on each type of terminal.
var escapeSequences = [...]struct {
	suffix string
	key    key
}{
	{"A", keyUp}, {"B", keyDown},
	{"5~", keyPageUp}, {"6~", keyPageDown},
	{"H", keyHome}, {"1~", keyHome}, {"7~", keyHome},
	{"F", keyEnd}, {"4~", keyEnd}, {"8~", keyEnd},
	{"P", keyF1}, {"11~", keyF1}, {"[A", keyF1},
}

// decodeKey returns the first key in b, which must not be empty, and its length in
// bytes. If b holds an incomplete escape sequence, decodeKey returns a length of 0 or,
// if timedOut is set, the key Esc.
func decodeKey(b []byte, timedOut bool) (k key, length int) {
	if key(b[0]) != keyEscape {
		return key(b[0]), 1
	}
	if len(b) > 1 && b[1] != '[' && b[1] != 'O' {
		return keyEscape, 1
	}
	// A control sequence has parameter bytes and then a final byte.
	end := 2
	if bytes.HasPrefix(b, []byte("\x1b[[")) { // a function key of the Linux console
		end = 3
	}
	for end < len(b) && b[end] >= ' ' && b[end] < '@' {
		end++
	}
	if end >= len(b) {
		if timedOut {
			return keyEscape, 1
		}
		return 0, 0
	}
	for i := range escapeSequences {
		if bytes.Equal(b[2:end+1], []byte(escapeSequences[i].suffix)) {
			return escapeSequences[i].key, end + 1
		}
	}
	if b[end] < ' ' {
		return keyUnknown, end // b[end] starts another key
	}
	return keyUnknown, end + 1
}
