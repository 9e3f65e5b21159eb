/** Completion scripts, made from the table of commands. Pure. */
import type { Command } from "./command.ts";

export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];

function longFlags(flags: string): string {
  return /--[a-z-]+/.exec(flags)?.[0] ?? flags;
}

/** What may come after nothing, after a first word, and after both. */
function wordsOf(commands: readonly Command[], common: readonly string[]) {
  const heads = new Map<string, Set<string>>();
  const options = new Map<string, readonly string[]>();
  for (const { name, options: own = [], isRaw, isLocal, worksOffline } of commands) {
    const [head = "", sub] = name.split(" ");
    const subs = heads.get(head) ?? new Set();
    if (sub !== undefined) subs.add(sub);
    heads.set(head, subs);
    const all = isRaw
      ? []
      : [
          ...own.map(({ flags }) => longFlags(flags)),
          ...(worksOffline ? ["--journal"] : []),
          ...(isLocal ? ["--json"] : common),
          "--help",
        ];
    options.set(name, all);
  }
  return { heads, options };
}

export function completionScript(shell: Shell, commands: readonly Command[], common: readonly string[]): string {
  const { heads, options } = wordsOf(commands, common);
  if (shell === "fish") return fish(commands, heads, options);
  const cases = [
    ...[...heads]
      .filter(([, subs]) => subs.size > 0)
      .map(([head, subs]) => `    "${head}") words="${[...subs].join(" ")}" ;;`),
    ...[...options].map(([name, flags]) => `    "${name}") words="${flags.join(" ")}" ;;`),
  ].join("\n");
  const body = `
  local words=""
  case "$1" in
    "") words="${[...heads.keys()].join(" ")}" ;;
${cases}
  esac
  printf '%s' "$words"
`;
  if (shell === "bash") {
    return `# standpipe completion bash > /etc/bash_completion.d/standpipe
_standpipe_words() {${body}}
_standpipe() {
  local current="\${COMP_WORDS[COMP_CWORD]}" path="" word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$word" in -*) ;; *) [ -n "$(_standpipe_words "\${path:+$path }$word")" ] && path="\${path:+$path }$word" ;; esac
  done
  COMPREPLY=($(compgen -W "$(_standpipe_words "$path")" -- "$current"))
  [ \${#COMPREPLY[@]} -eq 0 ] && COMPREPLY=($(compgen -f -- "$current"))
}
complete -F _standpipe standpipe
`;
  }
  return `#compdef standpipe
# standpipe completion zsh > "\${fpath[1]}/_standpipe"
_standpipe_words() {${body}}
_standpipe() {
  local known="" word
  for word in "\${words[@]:1:$((CURRENT-2))}"; do
    case "$word" in -*) ;; *) [ -n "$(_standpipe_words "\${known:+$known }$word")" ] && known="\${known:+$known }$word" ;; esac
  done
  compadd -- \${=$(_standpipe_words "$known")} || _files
}
# Read from fpath this file is the function itself, which has to answer the first time as well.
if [ "\${funcstack[1]}" = "_standpipe" ]; then _standpipe "$@"; else compdef _standpipe standpipe; fi
`;
}

function fish(
  commands: readonly Command[],
  heads: ReadonlyMap<string, ReadonlySet<string>>,
  options: ReadonlyMap<string, readonly string[]>,
): string {
  const quote = (text: string): string => `'${text.replace(/[\\']/g, "\\$&")}'`;
  const lines = ["# standpipe completion fish > ~/.config/fish/completions/standpipe.fish"];
  for (const [head, subs] of heads) {
    const summary = commands.find(({ name }) => name === head)?.summary ?? [...subs].join(", ");
    lines.push(`complete -c standpipe -f -n __fish_use_subcommand -a ${head} -d ${quote(summary)}`);
    if (subs.size === 0) continue;
    const none = `__fish_seen_subcommand_from ${head}; and not __fish_seen_subcommand_from ${[...subs].join(" ")}`;
    for (const sub of subs) {
      const own = commands.find(({ name }) => name === `${head} ${sub}`)?.summary ?? "";
      lines.push(`complete -c standpipe -f -n ${quote(none)} -a ${sub} -d ${quote(own)}`);
    }
  }
  for (const [name, flags] of options) {
    const [head = "", sub] = name.split(" ");
    const when = sub === undefined ? "" : `; and __fish_seen_subcommand_from ${sub}`;
    for (const flag of flags) {
      lines.push(`complete -c standpipe -n ${quote(`__fish_seen_subcommand_from ${head}${when}`)} -l ${flag.slice(2)}`);
    }
  }
  return `${lines.join("\n")}\n`;
}
