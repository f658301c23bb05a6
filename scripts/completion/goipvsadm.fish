# fish completion for goipvsadm and ipvsadm; the candidates come from goipvsadm --complete.
# Install it in share/fish/vendor_completions.d.

function __goipvsadm_complete
    set -l words (commandline -opc)
    # The current word, without shell quoting.
    set -l typed (string unescape -- (commandline -ct); or commandline -ct)
    set -l program goipvsadm
    string match -q '*/goipvsadm' -- $words[1]; and set program $words[1]
    set -e words[1]
    $program --complete $words "$typed" 2>/dev/null
    # --netns also accepts paths.
    string match -q -r '^[./]' -- $typed; and __fish_complete_path "$typed"
end

complete -c goipvsadm -f -a '(__goipvsadm_complete)'
complete -c ipvsadm -f -a '(__goipvsadm_complete)'
