import { expect, test } from "bun:test";
import fc from "fast-check";
import { type Claim, divide, LEASE_MS_DEFAULT, Shares, wantsBytesPerSecond } from "./share.ts";

const claim = (replica: string, wants: number, weight = 1): Claim => ({ replica, wantsBytesPerSecond: wants, weight });

const anyClaims = fc.uniqueArray(
  fc.record({
    replica: fc.string({ minLength: 1, maxLength: 6 }),
    wantsBytesPerSecond: fc.double({ min: 0, max: 1e9, noNaN: true }),
    weight: fc.double({ min: 0.1, max: 10, noNaN: true }),
  }),
  { selector: ({ replica }) => replica, minLength: 1, maxLength: 40 },
);
const anyCapacity = fc.double({ min: 1, max: 1e9, noNaN: true });

test("who wants less than the fair part gets it, and the others divide the rest", () => {
  const parts = divide(1, [claim("a", 0.1), claim("b", 5), claim("c", 9)]);
  expect(parts.get("a")).toBeCloseTo(0.1);
  expect(parts.get("b")).toBeCloseTo(0.45);
  expect(parts.get("c")).toBeCloseTo(0.45);
});

test("weights count where the wants do not fit", () => {
  const parts = divide(100, [claim("a", 1_000, 3), claim("b", 1_000, 1)]);
  expect([parts.get("a"), parts.get("b")]).toEqual([75, 25]);
});

test("what nobody wants is divided too, so that a jump in demand finds room at once", () => {
  const parts = divide(1, [claim("a", 0.1), claim("b", 0.2)]);
  expect(parts.get("a")).toBeCloseTo(0.45);
  expect(parts.get("b")).toBeCloseTo(0.55);
});

test("the parts add up to the capacity, and nobody is below both its want and its fair part", () => {
  fc.assert(
    fc.property(anyCapacity, anyClaims, (capacity, claims) => {
      const parts = divide(capacity, claims);
      const sum = [...parts.values()].reduce((total, part) => total + part, 0);
      expect(Math.abs(sum - capacity)).toBeLessThanOrEqual(capacity * 1e-9);
      const weights = claims.reduce((total, { weight }) => total + weight, 0);
      for (const { replica, wantsBytesPerSecond, weight } of claims) {
        const least = Math.min(wantsBytesPerSecond, (capacity * weight) / weights);
        expect(parts.get(replica) ?? -1).toBeGreaterThanOrEqual(least - capacity * 1e-9);
      }
    }),
  );
});

test("nobody gets more than another per weight while that other lacks something", () => {
  fc.assert(
    fc.property(anyCapacity, anyClaims, (capacity, claims) => {
      const parts = divide(capacity, claims);
      const level = (of: Claim): number => (parts.get(of.replica) ?? 0) / of.weight;
      for (const poor of claims) {
        if ((parts.get(poor.replica) ?? 0) >= poor.wantsBytesPerSecond - capacity * 1e-9) continue;
        for (const rich of claims) expect(level(rich)).toBeLessThanOrEqual(level(poor) + capacity * 1e-6);
      }
    }),
  );
});

test("every replica computes the same division to the last bit, in whatever order it heard the claims", () => {
  fc.assert(
    fc.property(anyCapacity, anyClaims, fc.infiniteStream(fc.nat()), (capacity, claims, chance) => {
      const order = new Map(claims.map(({ replica }) => [replica, chance.next().value as number]));
      const shuffled = [...claims].sort((a, b) => (order.get(a.replica) ?? 0) - (order.get(b.replica) ?? 0));
      expect([...divide(capacity, shuffled)]).toEqual([...divide(capacity, claims)]);
    }),
  );
});

test("a replica alone has the whole quota", () => {
  const shares = new Shares({ replica: "a" });
  const alone = { share: 1, replicas: 1, isCoordinated: true, streamBytesPerSecond: undefined };
  expect(shares.divide({ wantsBytesPerSecond: 5, weight: 1 }, 1_000, 0)).toEqual(alone);
  expect(shares.divide({ wantsBytesPerSecond: 5, weight: 1 }, 1_000, 0, 0)).toEqual(alone);
});

test("a silent replica keeps its part until its lease is over, and then the others have it", () => {
  const shares = new Shares({ replica: "a" });
  const own = { wantsBytesPerSecond: 9_000, weight: 1 };
  shares.hear(claim("b", 9_000), 0);
  shares.hear(claim("c", 9_000), 0);
  shares.hear(claim("c", 9_000), 3_000);
  expect(shares.divide(own, 900, LEASE_MS_DEFAULT - 1)).toEqual({
    share: 1 / 3,
    replicas: 3,
    isCoordinated: true,
    streamBytesPerSecond: undefined,
  });
  expect(shares.divide(own, 900, LEASE_MS_DEFAULT)).toEqual({
    share: 1 / 2,
    replicas: 2,
    isCoordinated: true,
    streamBytesPerSecond: undefined,
  });
});

test("a replica that says good-bye leaves its part at once", () => {
  const shares = new Shares({ replica: "a" });
  shares.hear(claim("b", 9_000), 0);
  shares.hear(claim("c", 9_000), 0);
  shares.forget("b");
  expect(shares.divide({ wantsBytesPerSecond: 9_000, weight: 1 }, 900, 1).replicas).toBe(2);
});

test("who hears nobody goes on with the count last known, and says that nobody coordinates", () => {
  const shares = new Shares({ replica: "a" });
  const own = { wantsBytesPerSecond: 1, weight: 1 };
  shares.hear(claim("b", 9_000), 0);
  shares.hear(claim("c", 9_000), 0);
  expect(shares.divide(own, 900, 1).replicas).toBe(3);
  const lost = { share: 1 / 3, replicas: 3, isCoordinated: false, streamBytesPerSecond: undefined };
  expect(shares.divide(own, 900, 60_000)).toEqual(lost);
  expect(shares.divide(own, 900, 60_000, 2)).toEqual(lost);
});

test("a network that is cut silences the others one by one, and their number is not forgotten on the way", () => {
  const shares = new Shares({ replica: "a" });
  const own = { wantsBytesPerSecond: 9_000, weight: 1 };
  shares.hear(claim("b", 9_000), 0);
  shares.hear(claim("c", 9_000), 900);
  shares.divide(own, 900, 1_000);
  expect(shares.divide(own, 900, LEASE_MS_DEFAULT).replicas).toBe(2);
  expect(shares.divide(own, 900, LEASE_MS_DEFAULT + 900)).toEqual({
    share: 1 / 3,
    replicas: 3,
    isCoordinated: false,
    streamBytesPerSecond: undefined,
  });
});

test("who hears nobody because nobody else is listed any more has it all", () => {
  const shares = new Shares({ replica: "a" });
  const own = { wantsBytesPerSecond: 1, weight: 1 };
  shares.hear(claim("b", 9_000), 0);
  shares.divide(own, 900, 1);
  expect(shares.divide(own, 900, 60_000, 0)).toEqual({
    share: 1,
    replicas: 1,
    isCoordinated: true,
    streamBytesPerSecond: undefined,
  });
});

test("a replica that starts among others listed takes no more than one part of them before it has heard any", () => {
  const shares = new Shares({ replica: "a" });
  const division = shares.divide({ wantsBytesPerSecond: 1e9, weight: 1 }, 900, 0, 3);
  expect(division).toEqual({ share: 1 / 4, replicas: 4, isCoordinated: false, streamBytesPerSecond: undefined });
});

test("a replica that starts and can find out nothing takes the part that an earlier process had", () => {
  const own = { wantsBytesPerSecond: 1e9, weight: 1 };
  const start = (): Shares => new Shares({ replica: "a", replicas: 3 });
  expect(start().divide(own, 900, 0)).toMatchObject({ share: 1 / 3, replicas: 3, isCoordinated: false });
  expect(start().divide(own, 900, 0, 4)).toMatchObject({ replicas: 5, isCoordinated: false });
  expect(start().divide(own, 900, 0, 0)).toMatchObject({ share: 1, replicas: 1, isCoordinated: true });
  const found = start();
  found.hear(claim("b", 1e9), 0);
  expect(found.divide(own, 900, 0)).toMatchObject({ share: 0.5, replicas: 2, isCoordinated: true });
});

test("what the replicas say that the stream takes is averaged over those who can tell", () => {
  const shares = new Shares({ replica: "a" });
  shares.hear({ ...claim("b", 9_000), streamBytesPerSecond: 600 }, 0);
  shares.hear(claim("c", 9_000), 0);
  const own = { wantsBytesPerSecond: 9_000, weight: 1 };
  expect(shares.divide(own, 900, 1).streamBytesPerSecond).toBe(600);
  expect(shares.divide({ ...own, streamBytesPerSecond: 800 }, 900, 1).streamBytesPerSecond).toBe(700);
});

test("its own claim, come back over a third, is not counted twice", () => {
  const shares = new Shares({ replica: "a" });
  shares.hear(claim("a", 9_000), 0);
  expect(shares.divide({ wantsBytesPerSecond: 1, weight: 1 }, 900, 1).replicas).toBe(1);
});

test("a replica wants what comes in, and its backlog within ten seconds", () => {
  expect(wantsBytesPerSecond(1_000, 50_000)).toBe(6_000);
});

test("while nobody was heard, the count follows the list: an address may turn out to be one's own", () => {
  const shares = new Shares({ replica: "a" });
  const own = { wantsBytesPerSecond: 10, weight: 1 };
  expect(shares.divide(own, 1, 0, 2)).toMatchObject({ replicas: 3, isCoordinated: false });
  expect(shares.divide(own, 1, 1_000, 1)).toMatchObject({ replicas: 2, isCoordinated: false });
  expect(shares.divide(own, 1, 2_000, 0)).toMatchObject({ replicas: 1, isCoordinated: true });
  expect(shares.divide(own, 1, 3_000, 1)).toMatchObject({ replicas: 2, isCoordinated: false });
});
