/**
 * Makes the page: one file of HTML with everything in it, bundled by Bun from app/, and the policy under which a browser runs it:
 * this script and this style by their hashes, and requests to this collector. Called by `bun run generate`; what it makes is
 * committed, so that a collector bundles nothing while it runs.
 */
import { createHash } from "node:crypto";
import { join } from "node:path";

const HERE = import.meta.dir;

export const PAGE_PATH = join(HERE, "page.generated.ts");

/** The text of `page.generated.ts`. Throws with the bundler's words when it fails. */
export async function buildPage(): Promise<string> {
  const built = await Bun.build({
    entrypoints: [join(HERE, "app/main.tsx")],
    target: "browser",
    minify: true,
    define: { "process.env.NODE_ENV": '"production"' },
    jsx: { runtime: "automatic", importSource: "preact", development: false },
  });
  const [output] = built.outputs;
  if (!built.success || output === undefined) throw new Error(`the page can't be bundled: ${built.logs.join("\n")}`);
  // A script ends at the first such tag, wherever it stands.
  const script = (await output.text()).replaceAll("</script", "<\\/script").trim();
  const sheets = [join(HERE, "app/style.css"), Bun.fileURLToPath(import.meta.resolve("uplot/dist/uPlot.min.css"))];
  const style = (await Promise.all(sheets.map((path) => Bun.file(path).text()))).map((text) => minified(text)).join("");
  const page = [
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Standpipe</title>',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    '<link rel="icon" href="data:,">',
    `<style>${style}</style></head><body><div id="page"></div><script type="module">${script}</script></body></html>`,
  ].join("");
  const policy = [
    "default-src 'none'",
    `script-src 'sha256-${hashOf(script)}'`,
    // Widths of bars are set by the script, as style attributes are not.
    `style-src 'sha256-${hashOf(style)}'`,
    "connect-src 'self'",
    "img-src data:",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; ");
  return [
    "// Made by `bun run generate` from app/: see build.ts.",
    `export const PAGE = ${JSON.stringify(page)};`,
    `export const PAGE_POLICY = ${JSON.stringify(policy)};`,
    "",
  ].join("\n");
}

function minified(style: string): string {
  return style.replace(/\s+/g, " ").replace(/ ?([{}:;,]) ?/g, "$1");
}

function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("base64");
}
