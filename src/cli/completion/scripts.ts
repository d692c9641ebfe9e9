// The scripts that make a shell complete our programs. Each passes the words up to the cursor to `tsvde completion
// words`, and shows what that prints: a line for each word, with a description after a tab. The lines `:file` and
// `:directory` mean that the shell completes a path. A word that ends in `=` or `,` is to be continued without a space.

/** bash splits words at `=` and `:` too, so the script takes the words from the line and gives bash the last part. */
const bash = `# bash completion of tsvde, tsvdectl and tsvdeq
_tsvde() {
  local line=\${COMP_LINE:0:COMP_POINT} last=\${COMP_WORDS[COMP_CWORD]} word
  local -a words
  read -ra words <<<"$line"
  [[ $line == *[[:space:]] ]] && words+=('')
  local whole=\${words[-1]}
  [[ $last == [=:] || $whole == '' ]] && last=
  local kept=\${whole%"$last"}
  COMPREPLY=()
  while IFS=$'\\t' read -r word _; do
    case $word in
      :file) compopt -o default ;;
      :directory) compopt -o dirnames ;;
      *[=,]) compopt -o nospace; COMPREPLY+=("\${word#"$kept"}") ;;
      *) COMPREPLY+=("\${word#"$kept"}") ;;
    esac
  done < <(tsvde completion words "\${words[0]##*/}" "\${words[@]:1}" 2>/dev/null)
}
complete -F _tsvde tsvde tsvdectl tsvdeq
`;

/** The file begins with #compdef and can also be sourced. */
const zsh = `#compdef tsvde tsvdectl tsvdeq
_tsvde() {
  local line word help where=
  local -a plain shown open open_shown
  while IFS= read -r line; do
    word=\${line%%$'\\t'*}
    help=$word
    [[ $line == *$'\\t'* ]] && help="$word  -- \${line#*$'\\t'}"
    case $word in
      :file|:directory) where=$word ;;
      *[=,]) open+=("$word"); open_shown+=("$help") ;;
      *) plain+=("$word"); shown+=("$help") ;;
    esac
  done < <(tsvde completion words "\${words[1]:t}" "\${(@)words[2,CURRENT]}" 2>/dev/null)
  (( \${#plain} )) && compadd -l -d shown -- "\${plain[@]}"
  (( \${#open} )) && compadd -S '' -l -d open_shown -- "\${open[@]}"
  [[ -n $where ]] && [[ $PREFIX == -*=* ]] && compset -P '*='
  case $where in
    :file) _files ;;
    :directory) _files -/ ;;
  esac
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
  _tsvde "$@"
else
  compdef _tsvde tsvde tsvdectl tsvdeq
fi
`;

const fish = `# fish completion of tsvde, tsvdectl and tsvdeq
function __tsvde_words
  set -l words (commandline -opc)
  set -l last (commandline -ct)
  set -l prefix (string match -r -- '^-[^=]*=' "$last")
  set -l rest (string replace -r -- '^-[^=]*=' '' "$last")
  for line in (tsvde completion words (basename $words[1]) $words[2..-1] "$last" 2>/dev/null)
    switch $line
      case :file
        for path in (__fish_complete_path "$rest")
          echo "$prefix$path"
        end
      case :directory
        for path in (__fish_complete_directories "$rest" '')
          echo "$prefix$path"
        end
      case '*'
        echo $line
    end
  end
end
for program in tsvde tsvdectl tsvdeq
  complete -c $program -f -a '(__tsvde_words)'
end
`;

export const SCRIPTS = { bash, zsh, fish } as const;
