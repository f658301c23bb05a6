# SPDX-License-Identifier: MIT
# bash completion for goipvsadm and ipvsadm. The candidates are printed by goipvsadm
# --complete. Install this file into share/bash-completion/completions, or source it if
# the package bash-completion is not installed.

_goipvsadm() {
	local program=goipvsadm line typed breaks prefix='' i
	local -a words
	[[ $1 != */goipvsadm ]] || program=$1

	# Split the line at blanks: COMP_WORDS is split at : and =, too. Without -r, read removes
	# the backslashes that quote candidates. Words in other quotes are not completed.
	line=${COMP_LINE:0:COMP_POINT}
	line=${line#*"$1"}
	[[ $line =~ (([^[:blank:]\\]|\\.)*\\?)$ ]]
	typed=${BASH_REMATCH[1]}
	[[ ${typed//\\?/} != *[\'\"]* ]] || return
	# shellcheck disable=SC2162
	IFS=$' \t\n' read -a words <<<"$line"
	[[ -n $typed ]] || words+=('')

	mapfile -t COMPREPLY < <("$program" --complete "${words[@]}" 2>/dev/null)
	COMPREPLY=("${COMPREPLY[@]%%$'\t'*}")

	# bash replaces only the text after the last : or =, or from the last @.
	breaks=${COMP_WORDBREAKS//[^:=@]/}
	if [[ -n $breaks && $typed =~ ^([^\\]|\\.)*[$breaks] ]]; then
		# shellcheck disable=SC2162
		read prefix <<<"${BASH_REMATCH[0]%@}"
	fi
	for i in "${!COMPREPLY[@]}"; do
		printf -v "COMPREPLY[i]" %q "${COMPREPLY[i]#"$prefix"}"
	done

	# --netns accepts paths, and these commands read a file.
	[[ $typed != [./]* && " ${words[*]} " != *' --'@(check|apply|diff)' '* ]] || compopt -o default
}

complete -F _goipvsadm goipvsadm ipvsadm
