#compdef image-builder
# Completion of image-builder for zsh: what there is, the tool itself says.

_image-builder() {
  local line
  local -a lines described
  lines=("${(@f)$("${${(Q)words[1]}/#\~/$HOME}" __complete "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2> /dev/null)}")
  case $lines[1] in
    files)
      if [[ $PREFIX == --*=* ]]; then compset -P '*='; fi
      _files
      ;;
    directories)
      if [[ $PREFIX == --*=* ]]; then compset -P '*='; fi
      _files -/
      ;;
    words)
      for line in "${(@)lines[2,-1]}"; do
        described+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}")
      done
      _describe -t words image-builder described
      ;;
  esac
}

# As a file of fpath it is called when it is loaded; sourced, it only says what it completes.
if [[ $funcstack[1] == _image-builder ]]; then
  _image-builder "$@"
else
  compdef _image-builder image-builder
fi
