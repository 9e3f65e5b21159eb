/** What every match of a pattern must contain, if that can be said: looking for it is a hundred times cheaper. Pure. */

/** The longest plain text outside of groups; undefined where there is none of use. The syntax is RE2's. */
export function literalOf(pattern: string): string | undefined {
  // Alternatives and flags make it doubtful; doubt costs speed only.
  if (/\||\(\?|\\[QEpPx0-7]/.test(pattern)) return undefined;
  const runs: string[] = [];
  let run = "";
  let depth = 0;
  const end = (): void => {
    runs.push(run);
    run = "";
  };
  for (let at = 0; at < pattern.length; at++) {
    const character = pattern[at] as string;
    if (character === "\\") {
      const escaped = pattern[++at] ?? "";
      if (depth === 0 && /[^A-Za-z0-9]/.test(escaped)) run += escaped;
      else end();
    } else if (character === "[") {
      end();
      // A bracket that comes first is one of the class.
      if (pattern[at + 1] === "^") at++;
      if (pattern[at + 1] === "]") at++;
      while (at + 1 < pattern.length && pattern[++at] !== "]") if (pattern[at] === "\\") at++;
    } else if (character === "(" || character === ")") {
      depth += character === "(" ? 1 : -1;
      end();
    } else if (/[?*{]/.test(character)) {
      // What comes before may not be there at all.
      run = run.slice(0, -1);
      end();
      if (character === "{") while (at + 1 < pattern.length && pattern[++at] !== "}");
    } else if (/[.^$+}]/.test(character)) end();
    else if (depth === 0) run += character;
  }
  end();
  const longest = runs.reduce((a, b) => (b.length > a.length ? b : a), "");
  return longest.length >= 2 && !/[\ud800-\udfff]/.test(longest) ? longest : undefined;
}
