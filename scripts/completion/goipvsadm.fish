# SPDX-License-Identifier: MIT
# fish completion for goipvsadm and ipvsadm. The candidates are printed by goipvsadm
# --complete. Install this file into share/fish/vendor_completions.d.

function __goipvsadm_complete
    set -l words (commandline -opc)
    # Remove the quotes of the shell.
    set -l token (string unescape -- (commandline -ct); or commandline -ct)
    set -l program goipvsadm
    string match -q '*/goipvsadm' -- $words[1]; and set program $words[1]
    set -e words[1]
    $program --complete $words "$token" 2>/dev/null
    # --netns accepts paths, and these commands read a file.
    begin
        string match -q -r '^[./]' -- $token
        or string match -q -r '^--(check|apply|diff)$' -- $words
        and string match -q -v -- '-*' $token
    end
    and __fish_complete_path "$token"
end

complete -c goipvsadm -f -a '(__goipvsadm_complete)'
complete -c ipvsadm -f -a '(__goipvsadm_complete)'
