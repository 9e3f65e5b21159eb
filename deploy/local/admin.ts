/**
 * The way in for another process (`/_local/...`, JSON): faults, counts, metrics, flush. It has no counterpart in AWS
 * and asks for no credentials, which is one more reason to listen on loopback only.
 */
import { prometheusText } from "./metrics.ts";
import type { FirehoseService } from "./service.ts";

export const ADMIN_PREFIX = "/_local/";

const USAGE = "GET|POST|DELETE /_local/faults[/<id>], GET /_local/counters, GET /_local/metrics, POST /_local/flush";

/** Answers a request under `/_local/`. */
export async function handleAdmin(service: FirehoseService, request: Request): Promise<Response> {
  const [, , what = "", id] = new URL(request.url).pathname.split("/");
  switch (`${request.method} ${what}`) {
    case "GET faults":
      return Response.json(service.faults.list());
    case "POST faults":
      return addFaults(service, request);
    case "DELETE faults":
      return Response.json({ cleared: service.faults.clear(id === undefined ? undefined : Number(id)) });
    case "GET counters":
      return Response.json(allCounters(service));
    case "GET metrics":
      return new Response(prometheusText(service.streams), {
        headers: { "content-type": "text/plain; version=0.0.4; charset=utf-8" },
      });
    case "POST flush":
      await service.flush();
      return Response.json(allCounters(service));
    default:
      return problem(404, `there are: ${USAGE}`);
  }
}

/** One fault or a list. All or none are set. */
async function addFaults(service: FirehoseService, request: Request): Promise<Response> {
  const ids: number[] = [];
  try {
    const given: unknown = await request.json();
    for (const fault of Array.isArray(given) ? given : [given]) ids.push(service.faults.add(fault));
    return Response.json({ ids });
  } catch (reason) {
    for (const id of ids) service.faults.clear(id);
    return problem(400, reason instanceof Error ? reason.message : "this is no JSON");
  }
}

function allCounters(service: FirehoseService): Record<string, unknown> {
  return Object.fromEntries([...service.streams].map(([name, stream]) => [name, stream.meter.counters]));
}

function problem(status: number, message: string): Response {
  return Response.json({ error: message }, { status });
}
