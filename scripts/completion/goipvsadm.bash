# bash completion for goipvsadm and ipvsadm; the candidates come from goipvsadm --complete.
# With the package bash-completion, install it in share/bash-completion/completions; otherwise
# source this file.

_goipvsadm() {
	local program=goipvsadm line typed breaks word
	local -a words
	[[ $1 != */goipvsadm ]] || program=$1

	# Split the line into words at blanks: COMP_WORDS is also split at : and =.
	line=${COMP_LINE:0:COMP_POINT}
	line=${line#*"$1"}
	IFS=$' \t\n' read -r -a words <<<"$line"
	[[ $line != *[[:blank:]] ]] || words+=('')
	typed=${words[-1]}

	mapfile -t COMPREPLY < <("$program" --complete "${words[@]}" 2>/dev/null)
	COMPREPLY=("${COMPREPLY[@]%%$'\t'*}")

	# bash replaces only the part of the word after the last : or =.
	breaks=${COMP_WORDBREAKS//[^:=]/}
	if [[ -n $breaks && $typed == *[$breaks]* ]]; then
		word=${typed%"${typed##*[$breaks]}"}
		COMPREPLY=("${COMPREPLY[@]#"$word"}")
	fi

	# --netns also accepts paths.
	[[ $typed != [./]* ]] || compopt -o default
}

complete -F _goipvsadm goipvsadm ipvsadm
