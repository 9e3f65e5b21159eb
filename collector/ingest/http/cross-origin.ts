/**
 * Which web pages may send (Fetch standard, "CORS protocol"): none unless origins are named. A page of another origin
 * can't send what OTLP needs without asking first, since neither content type is one that a form could send; so a
 * refused question is all the protection that is needed.
 */
const MAX_AGE_SECONDS = 7_200;

export class CrossOrigin {
  readonly #origins: ReadonlySet<string>;

  /** `origins`: "https://example.com", or "*" for every page there is. */
  constructor(origins: readonly string[]) {
    this.#origins = new Set(origins);
  }

  /** The answer to a preflight request; undefined where cross-origin requests are off, or the origin is none of ours. */
  preflight(request: Request): Response | undefined {
    const origin = this.#allowed(request);
    if (origin === undefined) return undefined;
    const asked = request.headers.get("access-control-request-headers");
    return new Response(null, {
      status: 204,
      headers: {
        ...shared(origin),
        "access-control-allow-methods": "POST",
        ...(asked === null ? {} : { "access-control-allow-headers": asked }),
        "access-control-max-age": String(MAX_AGE_SECONDS),
      },
    });
  }

  /** Lets the page read the answer, where it may. */
  admit(request: Request, response: Response): Response {
    const origin = this.#allowed(request);
    if (origin === undefined) return response;
    for (const [name, value] of Object.entries(shared(origin))) response.headers.set(name, value);
    response.headers.set("access-control-expose-headers", "retry-after, standpipe-code");
    return response;
  }

  #allowed(request: Request): string | undefined {
    const origin = request.headers.get("origin");
    if (origin === null || this.#origins.size === 0) return undefined;
    if (this.#origins.has("*")) return "*";
    return this.#origins.has(origin) ? origin : undefined;
  }
}

function shared(origin: string): Record<string, string> {
  return { "access-control-allow-origin": origin, ...(origin === "*" ? {} : { vary: "origin" }) };
}
