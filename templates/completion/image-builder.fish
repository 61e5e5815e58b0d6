# Completion of image-builder for fish: what there is, the tool itself says.

function __image_builder_complete
    set -l words (commandline --tokenize --cut-at-cursor --current-process)
    set -l current (commandline --cut-at-cursor --current-token)
    set -l tool (string replace --regex '^~' $HOME -- $words[1])
    set -l lines ($tool __complete $words[2..-1] "$current" 2>/dev/null)
    switch "$lines[1]"
        case files
            __fish_complete_path "$current"
        case directories
            __fish_complete_directories "$current"
        case words
            printf '%s\n' $lines[2..-1]
    end
end

complete --command image-builder --no-files --arguments '(__image_builder_complete)'
