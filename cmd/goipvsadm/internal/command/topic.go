// SPDX-License-Identifier: MIT

package command

import "strings"

// HelpTopic returns the flags that help on a topic describes: the flag with the
// name topic, which may be given with or without dashes, and, if it selects a
// command, the flags of the options that the command supports. If it sets an
// option, commandFlags are the flags of the commands that support the option. If
// no flag has the name, described is empty.
func HelpTopic(topic string) (described, commandFlags []string) {
	f := lookupTopic(topic)
	if f == nil {
		return nil, nil
	}
	for i := range flags {
		other := &flags[i]
		switch {
		case other == f:
			described = append(described, other.spelling())
		case f.verb != 0 && other.verb == 0 && other.belongsTo(f.verb):
			described = append(described, other.spelling())
		case f.verb == 0 && other.verb != 0 && f.belongsTo(other.verb) && other.long != noLongName:
			commandFlags = append(commandFlags, other.spelling())
		}
	}
	return described, commandFlags
}

// HelpTopics returns the names of all flags that have long names, without dashes.
func HelpTopics() []string {
	var topics []string
	for i := range flags {
		if f := &flags[i]; f.long != noLongName {
			topics = append(topics, f.long)
		}
	}
	return topics
}

// lookupTopic returns the flag that topic names, or nil if there is none.
func lookupTopic(topic string) *flag {
	name := strings.TrimLeft(topic, "-")
	for i := range flags {
		if f := &flags[i]; f.long == name && name != noLongName || f.short == name && name != "" {
			return f
		}
	}
	return nil
}

// spelling returns the flag as it is typed, in its short form if it has one.
func (f *flag) spelling() string {
	if f.short != "" {
		return "-" + f.short
	}
	return "--" + f.long
}

// exampleCommand returns the flag of a command that supports the option.
func (f *flag) exampleCommand() string {
	for i := range flags {
		if command := &flags[i]; command.verb != 0 && f.belongsTo(command.verb) {
			return command.spelling()
		}
	}
	return "-L"
}

// belongsTo reports whether the flag sets an option of the command.
func (f *flag) belongsTo(v Verb) bool {
	option := f.option
	switch {
	case f.long == "ipv6":
		option = ServiceAddress
	case f.long == "sort":
		option = NoSort
	case v == List && option == SyncID: // accepted, as by ipvsadm, but without effect
		return false
	}
	return option < numOptions && (commands[v].options.all() | commands[v].allServices.all()).Has(option)
}
