# bash completion for goipvsadm and ipvsadm. The candidates are printed by goipvsadm
# --complete. Install this file into share/bash-completion/completions, or source it if
# the package bash-completion is not installed.

_goipvsadm() {
	local program=goipvsadm line cur breaks prefix
	local -a words
	[[ $1 != */goipvsadm ]] || program=$1

	# Split the line at blanks: COMP_WORDS is split at : and =, too.
	line=${COMP_LINE:0:COMP_POINT}
	line=${line#*"$1"}
	IFS=$' \t\n' read -r -a words <<<"$line"
	[[ $line != *[[:blank:]] ]] || words+=('')
	cur=${words[-1]}

	mapfile -t COMPREPLY < <("$program" --complete "${words[@]}" 2>/dev/null)
	COMPREPLY=("${COMPREPLY[@]%%$'\t'*}")

	# bash replaces only the text after the last : or =.
	breaks=${COMP_WORDBREAKS//[^:=]/}
	if [[ -n $breaks && $cur == *[$breaks]* ]]; then
		prefix=${cur%"${cur##*[$breaks]}"}
		COMPREPLY=("${COMPREPLY[@]#"$prefix"}")
	fi

	# --netns accepts paths, and these commands read a file.
	[[ $cur != [./]* && " ${words[*]} " != *' --'@(check|apply|diff)' '* ]] || compopt -o default
}

complete -F _goipvsadm goipvsadm ipvsadm
