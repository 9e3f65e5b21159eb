/** Time zones: offsets, the few names that logs hold, and IANA names with their daylight saving. */
import { TailError } from "../errors.ts";

/** Names that RFC 2822 gives a meaning to, and some that logs hold; an ambiguous one (IST, CST in China) is left out. */
const ZONES: Readonly<Record<string, number>> = {
  UTC: 0,
  GMT: 0,
  UT: 0,
  Z: 0,
  WET: 0,
  CET: 1,
  CEST: 2,
  EET: 2,
  EEST: 3,
  MSK: 3,
  JST: 9,
  KST: 9,
  EST: -5,
  EDT: -4,
  CST: -6,
  CDT: -5,
  MST: -7,
  MDT: -6,
  PST: -8,
  PDT: -7,
};

/** From local seconds to the zone's offset at that time. Throws TailError `config_invalid` for what is no zone. */
export function zoneOffset(zone: string): (localSeconds: number) => number {
  const [, sign, hours, minutes = "0"] = /^([+-])(\d{2}):?(\d{2})?$/.exec(zone) ?? [];
  if (hours !== undefined) {
    const offset = (Number(hours) * 3_600 + Number(minutes) * 60) * (sign === "-" ? -1 : 1);
    return () => offset;
  }
  const fixed = ZONES[zone];
  if (fixed !== undefined) return () => fixed * 3_600;
  let format: Intl.DateTimeFormat;
  try {
    format = new Intl.DateTimeFormat("en-US", {
      timeZone: zone,
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
  } catch (cause) {
    throw new TailError("config_invalid", `${zone} is no time zone: write +09:00 or a name such as Asia/Tokyo`, {
      cause,
    });
  }
  const offsetAt = (seconds: number): number => {
    const part: Record<string, number> = {};
    for (const { type, value } of format.formatToParts(seconds * 1000)) part[type] = Number(value);
    const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = part;
    return Date.UTC(year, month - 1, day, hour, minute, second) / 1000 - seconds;
  };
  // Offsets change at whole quarters of an hour: one answer does for each.
  let quarter = Number.NaN;
  let offset = 0;
  return (local) => {
    const now = Math.floor(local / 900);
    if (now === quarter) return offset;
    const start = now * 900;
    offset = offsetAt(start - offsetAt(start));
    quarter = now;
    return offset;
  };
}
