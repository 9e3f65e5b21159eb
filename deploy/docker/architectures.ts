/** Processors by Docker's names (TARGETARCH): Bun's package, and what its installer calls them. */
export const ARCHITECTURES = {
  amd64: { bunPackage: "@oven/bun-linux-x64", cpu: "x64", prebuild: "linux-x64" },
  arm64: { bunPackage: "@oven/bun-linux-aarch64", cpu: "arm64", prebuild: "linux-arm64" },
} as const;

export type Architecture = keyof typeof ARCHITECTURES;
