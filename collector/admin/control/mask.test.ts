import { expect, test } from "bun:test";
import { maskSecrets } from "./mask.ts";

test("passwords in URLs and values of secret keys are masked, wherever they are, and nothing else", () => {
  const config = {
    routes: [{ endpoint: "https://ann:pass@host:1/x", stream: "logs", redact: { salt: "pepper", saltFile: "/salt" } }],
    identity: { tokens: "/run/tokens", jwksToken: "/run/token" },
    telemetry: { headers: { authorization: "Bearer x" } },
    limits: { bytesMax: 5, none: undefined },
  };
  expect(maskSecrets(config)).toEqual({
    routes: [{ endpoint: "https://***@host:1/x", stream: "logs", redact: { salt: "***", saltFile: "/salt" } }],
    identity: { tokens: "/run/tokens", jwksToken: "/run/token" },
    telemetry: { headers: "***" },
    limits: { bytesMax: 5, none: undefined },
  });
});
