# Completion of image-builder for bash: what there is, the tool itself says.

_image_builder() {
  local line=${COMP_LINE:0:COMP_POINT} current kind word character head cut=""
  local -a words=()
  read -r -a words <<< "$line"
  if [[ $line == *[[:space:]] ]]; then words+=(""); fi
  current=${words[${#words[@]} - 1]}
  # Readline completes only what follows the last character at which it breaks words.
  for character in = :; do
    head=${current%"${current##*"$character"}"}
    if [[ $COMP_WORDBREAKS == *"$character"* ]] && ((${#head} > ${#cut})); then cut=$head; fi
  done
  COMPREPLY=()
  {
    read -r kind
    while IFS=$'\t' read -r word _; do
      word=${word#"$cut"}
      # What is put on the line is read as shell: a directory can have any name.
      if [[ $word == *[^A-Za-z0-9_./:=@%+,-]* ]]; then printf -v word %q "$word"; fi
      COMPREPLY+=("$word")
    done
  } < <("${words[0]/#\~/$HOME}" __complete "${words[@]:1}" 2> /dev/null)
  case $kind in
    files) compopt -o default ;;
    directories) compopt -o dirnames ;;
  esac
}

complete -F _image_builder image-builder
