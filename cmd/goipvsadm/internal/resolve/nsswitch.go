package resolve

import (
	"strings"
)

// nsswitch.conf(5) says in what order the C library asks for names, and what
// becomes of an answer:
//
//	hosts: files myhostname resolve [!UNAVAIL=return] dns

// An order is the sources for one kind of names.
type sources []source

// A source is asked for names.
type source struct {
	name    string
	returns [numStatuses]bool // the answers after which no other source is asked

	// rest is the configuration from this source on.
	rest string
}

// A status is what a source answers, in the words of nsswitch.conf.
type status int

const (
	success     status = iota
	notFound           // there is no such name
	unavailable        // the source is not there
	tryAgain           // nor is it now
	numStatuses
)

var statusWords = map[string]status{"success": success, "notfound": notFound, "unavail": unavailable, "tryagain": tryAgain}

// usualOrder is the C library's where nsswitch.conf says nothing.
func usualOrder(database string) sources {
	if database == "hosts" {
		return parseOrder("files dns")
	}
	return parseOrder("files")
}

// readOrder finds the order for a database in the text of nsswitch.conf. Of
// several lines the last counts, and a blank may stand for the colon.
func readOrder(text, database string) sources {
	o := usualOrder(database)
	isEnd := func(r rune) bool { return r == ':' || isBlank(r) }
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		sources, found := strings.CutPrefix(trim(line), database)
		if found && strings.IndexFunc(sources, isEnd) == 0 {
			if named := parseOrder(strings.TrimLeftFunc(sources, isEnd)); len(named) > 0 {
				o = named
			}
		}
	}
	return o
}

func parseOrder(text string) sources {
	var o sources
	text = trim(text)
	for text != "" {
		if text[0] == '[' {
			actions, rest, _ := strings.Cut(text[1:], "]")
			if len(o) > 0 {
				o[len(o)-1].parseActions(actions)
			}
			text = trim(rest)
			continue
		}
		end := strings.IndexFunc(text, func(r rune) bool { return r == '[' || isBlank(r) })
		if end < 0 {
			end = len(text)
		}
		o = append(o, source{name: text[:end], returns: [numStatuses]bool{success: true}, rest: text})
		text = trim(text[end:])
	}
	return o
}

// act takes what stands in brackets behind a source, such as
// "NOTFOUND=return !UNAVAIL=continue".
func (s *source) parseActions(text string) {
	for _, word := range split(lower(text)) {
		condition, action, _ := strings.Cut(word, "=")
		name, not := strings.CutPrefix(condition, "!")
		wanted, ok := statusWords[name]
		if !ok {
			continue
		}
		for st := range numStatuses {
			if (st == wanted) != not {
				s.returns[st] = action != "continue" // but for "merge", which finds what is there
			}
		}
	}
}

// find asks one source after another. The last that is asked decides, even
// where one before it found something and [SUCCESS=continue] had it go on.
func find[T any](o sources, ask func(*source) (T, status)) (found T, ok bool) {
	for i := range o {
		answer, st := ask(&o[i])
		found, ok = answer, st == success
		if st == numStatuses || o[i].returns[st] {
			break
		}
	}
	return found, ok
}
