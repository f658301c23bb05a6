// SPDX-License-Identifier: MIT

package resolve

import "strings"

// nsswitch.conf(5) configures the order in which the C library queries sources of
// names, and after which results it stops:
//
//	hosts: files myhostname resolve [!UNAVAIL=return] dns

// sources is the list of sources of one nsswitch.conf database.
type sources []source

// A source is an entry of nsswitch.conf.
type source struct {
	name    string
	returns [numStatuses]bool // statuses after which no further source is queried

	// configTail is the configuration from this source on, as getent -s accepts it.
	configTail string
}

// A status is the result of querying a source, as defined by nsswitch.conf.
type status int

const (
	success     status = iota
	notFound           // the source has no such name
	unavailable        // the source is permanently unavailable
	tryAgain           // the source is temporarily unavailable
	numStatuses

	// notFoundInTail is the status of a getent query that found nothing. getent has
	// queried all sources of configTail, so no further source is queried.
	notFoundInTail = numStatuses
)

// parseStatus returns the status with the given name in nsswitch.conf, in lower case.
func parseStatus(name string) (st status, ok bool) {
	switch name {
	case "success":
		return success, true
	case "notfound":
		return notFound, true
	case "unavail":
		return unavailable, true
	case "tryagain":
		return tryAgain, true
	}
	return 0, false
}

// defaultSources returns the sources that the C library uses if nsswitch.conf does
// not configure the database.
func defaultSources(database string) sources {
	if database == "hosts" {
		return parseSources("files dns")
	}
	return parseSources("files")
}

// nsswitchSources returns the sources that text, the contents of nsswitch.conf,
// configures for a database. As in the C library, the last of several lines counts,
// and white space may replace the colon.
func nsswitchSources(text, database string) sources {
	configured := defaultSources(database)
	isSeparator := func(r rune) bool { return r == ':' || isSpaceRune(r) }
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		list, found := strings.CutPrefix(trimSpace(line), database)
		if found && strings.IndexFunc(list, isSeparator) == 0 {
			if parsed := parseSources(strings.TrimLeftFunc(list, isSeparator)); len(parsed) > 0 {
				configured = parsed
			}
		}
	}
	return configured
}

// parseSources parses a list of sources with their actions.
func parseSources(text string) sources {
	var list sources
	text = trimSpace(text)
	for text != "" {
		if text[0] == '[' {
			actions, rest, _ := strings.Cut(text[1:], "]")
			if len(list) > 0 {
				list[len(list)-1].parseActions(actions)
			}
			text = trimSpace(rest)
			continue
		}
		end := strings.IndexFunc(text, func(r rune) bool { return r == '[' || isSpaceRune(r) })
		if end < 0 {
			end = len(text)
		}
		list = append(list, source{name: text[:end], returns: [numStatuses]bool{success: true}, configTail: text})
		text = trimSpace(text[end:])
	}
	return list
}

// parseActions parses the actions in brackets after a source, such as
// "NOTFOUND=return !UNAVAIL=continue".
func (s *source) parseActions(text string) {
	for _, word := range fields(toLower(text)) {
		condition, action, _ := strings.Cut(word, "=")
		name, negated := strings.CutPrefix(condition, "!")
		named, ok := parseStatus(name)
		if !ok {
			continue
		}
		for st := range numStatuses {
			if (st == named) != negated {
				s.returns[st] = action != "continue" // treats "merge" like "return"
			}
		}
	}
}

// querySources queries the sources in order until one returns a status that ends the
// search. The result is that of the last source queried, even if an earlier source with
// [SUCCESS=continue] succeeded.
func querySources[T any](list sources, query func(*source) (T, status)) (last T, ok bool) {
	for i := range list {
		result, st := query(&list[i])
		last, ok = result, st == success
		if st == notFoundInTail || list[i].returns[st] {
			break
		}
	}
	return last, ok
}
