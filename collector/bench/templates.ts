/** The words of the load: services and their log lines. `{…}` is filled anew each time; see `fillTemplate`. */
import type { Chance } from "./chance.ts";

export interface Template {
  readonly level: "INFO" | "WARN" | "ERROR";
  readonly text: string;
  readonly attributes: Readonly<Record<string, string>>;
}

export const SERVICES: readonly { name: string; namespace: string; scopes: readonly string[] }[] = [
  { name: "checkout", namespace: "shop", scopes: ["shop.checkout.orders", "shop.checkout.http", "io.r2dbc"] },
  { name: "payments", namespace: "shop", scopes: ["shop.payments.ledger", "shop.payments.gateway"] },
  { name: "catalogue", namespace: "shop", scopes: ["shop.catalogue.search", "shop.catalogue.cache"] },
  { name: "identity", namespace: "platform", scopes: ["platform.identity.tokens", "platform.identity.audit"] },
  { name: "edge-router", namespace: "platform", scopes: ["platform.edge.access"] },
  { name: "mailer", namespace: "backoffice", scopes: ["backoffice.mailer.queue", "backoffice.mailer.smtp"] },
  { name: "stock-sync", namespace: "backoffice", scopes: ["backoffice.stock.import", "backoffice.stock.kafka"] },
];

const REQUEST_ID = { "request.id": "{hex12}" };

export const TEMPLATES: readonly Template[] = [
  {
    level: "INFO",
    text: '{ip} "{method} {path} HTTP/1.1" {status} {number} {ms}ms "{agent}"',
    attributes: { "http.response.status_code": "{status}" },
  },
  {
    level: "INFO",
    text: "{method} {path}?page={small}&size=50&sort={word} finished with {status} in {ms} ms for customer {hex10}",
    attributes: { "http.route": "/v2/{word}s/:id", "server.address": "{word}.shop.internal", ...REQUEST_ID },
  },
  {
    level: "INFO",
    text: "{word} {word}-{hex8} {verb} for customer {hex10} after {ms} ms, total {number}.{small} EUR",
    attributes: { "order.id": "{word}-{hex8}", "customer.tier": "{tier}", "cart.items": "{small}", ...REQUEST_ID },
  },
  {
    level: "INFO",
    text: "cache {hit} for key {word}:{hex16}:v{small}, {number} bytes, age {ms} s, evicted {small} entries of shard {small}",
    attributes: { "cache.name": "{word}-by-id", "cache.region": "eu-central-1{abc}" },
  },
  {
    level: "INFO",
    text: "consumed {small} messages of {word}.events partition {small} up to offset {number}{number}, lag {number}",
    attributes: { "messaging.system": "kafka", "messaging.consumer.group.name": "{word}-worker", ...REQUEST_ID },
  },
  {
    level: "INFO",
    text: '{"event":"{word}_{verb}","id":"{hex8}-{hex4}-4{hex4}-{hex12}","amount":{number},"currency":"EUR","attempt":{small}}',
    attributes: { "event.domain": "{word}", "user.id": "{hex10}" },
  },
  {
    level: "WARN",
    text: "slow query took {ms} ms: SELECT id, state, total FROM {word}s WHERE customer_id = '{hex10}' AND updated_at > now() - interval '{small} hours' ORDER BY id LIMIT {small}",
    attributes: { "db.system.name": "postgresql" },
  },
  {
    level: "WARN",
    text: "{word} service answered {status} on try {small} of 5, trying again in {ms} ms (https://{word}.shop.internal{path})",
    attributes: { "url.full": "https://{word}.shop.internal{path}", ...REQUEST_ID },
  },
  {
    level: "INFO",
    text: "token {hex16} issued to client {word}-{letters} of {ip}, scopes [{word}:read {word}:write], valid {number} s",
    attributes: { "client.address": "{ip}", "user_agent.original": "{agent}" },
  },
  {
    level: "INFO",
    text: "Grüße an Zoë: message {hex12}@mail.shop.example {verb} by mx{small}.example.net after {ms} ms",
    attributes: { "email.template": "{word}_{verb}", "network.peer.address": "{ip}", ...REQUEST_ID },
  },
  {
    level: "ERROR",
    text: "could not settle {word}-{hex8}: upstream closed the connection\n    at {Class}.{verb} ({Class}.java:{small})\n    at {Class}.dispatch ({Class}.java:{number})\n    at java.base/java.lang.Thread.run(Thread.java:{number})",
    attributes: { "exception.type": "java.io.IOException" },
  },
  {
    level: "ERROR",
    text: "TypeError: cannot read properties of undefined (reading '{word}Id')\n    at {verb} (/app/dist/{word}/{word}.js:{number}:{small})\n    at process.processTicksAndRejections (node:internal/process/task_queues:105:5)",
    attributes: { "exception.type": "TypeError", ...REQUEST_ID },
  },
  {
    level: "INFO",
    text: "flag {word}-{letters} evaluated to {hit} for segment {hex8} by rule {small} in {small} us",
    attributes: { "feature_flag.key": "{word}-{letters}", "feature_flag.provider.name": "flags", "user.id": "{hex10}" },
  },
];

const WORDS = "order payment basket voucher shipment invoice reservation product price account session refund".split(
  " ",
);
const VERBS = "accepted declined queued retried settled cancelled refunded priced delivered expired".split(" ");
const AGENTS = [
  "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/14{small}.0.0.0 Safari/537.36",
  "Mozilla/5.0 (iPhone; CPU iPhone OS 18_{small} like Mac OS X) AppleWebKit/605.1.15 Version/18.{small} Mobile/15E148",
  "Mozilla/5.0 (X11; Linux x86_64; rv:14{small}.0) Gecko/20100101 Firefox/14{small}.0",
  "okhttp/4.{small}.0",
  "shop-android/7.{small}.{small} (build {number})",
];

const FILLERS: Readonly<Record<string, (chance: Chance) => string>> = {
  abc: (chance) => chance.pick(["a", "b", "c"]),
  agent: (chance) => fillTemplate(chance.pick(AGENTS), chance),
  Class: (chance) => {
    const word = chance.pick(WORDS);
    return `example.shop.${word}.${(word[0] ?? "").toUpperCase()}${word.slice(1)}Service`;
  },
  hit: (chance) => chance.pick(["hit", "miss", "true", "false"]),
  ip: (chance) => `${1 + chance.upTo(222)}.${chance.upTo(256)}.${chance.upTo(256)}.${chance.upTo(256)}`,
  letters: (chance) => chance.letters(6),
  method: (chance) => chance.pick(["GET", "GET", "GET", "POST", "PUT", "DELETE"]),
  ms: (chance) => String(1 + Math.floor(chance.upTo(90) ** 2 / 4)),
  number: (chance) => String(100 + chance.upTo(99_900)),
  path: (chance) => `/v${1 + chance.upTo(3)}/${chance.pick(WORDS)}s/${chance.hex(8)}/${chance.pick(WORDS)}`,
  small: (chance) => String(1 + chance.upTo(64)),
  status: (chance) => chance.pick(["200", "200", "200", "201", "204", "304", "404", "422", "503"]),
  tier: (chance) => chance.pick(["new", "silver", "gold"]),
  verb: (chance) => chance.pick(VERBS),
  word: (chance) => chance.pick(WORDS),
};

/** Fills each `{name}` by chance; `{hexN}` is N digits. Braces that hold anything else stay as they are. */
export function fillTemplate(template: string, chance: Chance): string {
  return template.replace(/\{([A-Za-z]+)(\d*)\}/g, (whole, name: string, length: string) =>
    name === "hex" ? chance.hex(Number(length)) : (FILLERS[name]?.(chance) ?? whole),
  );
}
