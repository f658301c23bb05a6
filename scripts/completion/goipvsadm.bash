# Completion for goipvsadm in bash, also under the name ipvsadm. What could come next is
# said by the program itself. With the package bash-completion this belongs into
# share/bash-completion/completions; without it, source this file.

_goipvsadm() {
	local program=goipvsadm line typed breaks word
	local -a words
	[[ $1 != */goipvsadm ]] || program=$1

	# The words as the program would get them: those in COMP_WORDS are broken at : and =.
	line=${COMP_LINE:0:COMP_POINT}
	line=${line#*"$1"}
	IFS=$' \t\n' read -r -a words <<<"$line"
	[[ $line != *[[:blank:]] ]] || words+=('')
	typed=${words[-1]}

	mapfile -t COMPREPLY < <("$program" --complete "${words[@]}" 2>/dev/null)
	COMPREPLY=("${COMPREPLY[@]%%$'\t'*}")

	# Only what follows the last break will be replaced.
	breaks=${COMP_WORDBREAKS//[^:=]/}
	if [[ -n $breaks && $typed == *[$breaks]* ]]; then
		word=${typed%"${typed##*[$breaks]}"}
		COMPREPLY=("${COMPREPLY[@]#"$word"}")
	fi

	# --netns takes paths as well.
	[[ $typed != [./]* ]] || compopt -o default
}

complete -F _goipvsadm goipvsadm ipvsadm
