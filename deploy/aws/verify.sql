-- Which log records are missing, doubled or foreign: what `standpipe verify` does, as a query. Runs as it is on Amazon Athena
-- (Trino) and on DuckDB, where it is tested.
--
-- Put the ledger of each collector in, from its /status, one row each:
--   collector      journal.collectorId
--   first_ordinal  journal.head - routes[].ledger.accepted + routes[].ledger.replayed
--   cursor_at      routes[].cursor: all below is finished
--   not_sent       routes[].ledger.filtered + .quarantined, and the records of each of routes[].taken: so many of the missing
--                  are explained
--
-- Where replicas handed logs over, ask when nothing waits with any of them, and put all of them in: lines have the id of the
-- collector that accepted them, whoever delivered them. `standpipe verify` holds them against each other while they wait, too.
--
-- Ask for the ledger first, wait for the stream's buffering interval, then run this. The answer has a row for each range:
--   lost     how many are missing beyond those explained; no such row means that nothing is lost
--   missing  a range of ordinals below the cursor that did not arrive
--   doubled  a range that arrived more than once
--   foreign  lines of a collector that has no row above
WITH ledger (collector, first_ordinal, cursor_at, not_sent) AS (
  VALUES ('abcd1234', CAST(0 AS bigint), CAST(1000 AS bigint), CAST(0 AS bigint))
),
lines AS (
  SELECT
    split_part(recordid, '/', 1) AS collector,
    CAST(split_part(recordid, '/', 2) AS bigint) AS ordinal,
    coalesce(part, 1) AS part,
    coalesce(parts, 1) AS parts
  FROM logs
  WHERE recordid IS NOT NULL
),
-- How often each part came; then how often the whole log record did, which is as often as its rarest part.
by_part AS (
  SELECT collector, ordinal, part, max(parts) AS parts, count(*) AS times
  FROM lines
  GROUP BY collector, ordinal, part
),
arrived AS (
  SELECT collector, ordinal, min(times) AS times
  FROM by_part
  GROUP BY collector, ordinal
  HAVING count(*) >= max(parts)
),
expected AS (
  SELECT ledger.collector, ordinal, times
  FROM arrived
  JOIN ledger ON ledger.collector = arrived.collector
  WHERE ordinal >= first_ordinal AND ordinal < cursor_at
),
-- The edges of the line count as if they had arrived, so that gaps at its ends show too.
marks AS (
  SELECT collector, ordinal FROM expected
  UNION ALL
  SELECT collector, first_ordinal - 1 FROM ledger
  UNION ALL
  SELECT collector, cursor_at FROM ledger
),
steps AS (
  SELECT collector, ordinal, lag(ordinal) OVER (PARTITION BY collector ORDER BY ordinal) AS before
  FROM marks
),
missing AS (
  SELECT collector, before + 1 AS range_first, ordinal - 1 AS range_last
  FROM steps
  WHERE ordinal > before + 1
),
-- Neighbours have the same difference between their ordinal and their place in the row.
islands AS (
  SELECT collector, ordinal, ordinal - row_number() OVER (PARTITION BY collector ORDER BY ordinal) AS island
  FROM expected
  WHERE times > 1
),
lost AS (
  SELECT missing.collector, sum(range_last - range_first + 1) - max(not_sent) AS log_records
  FROM missing
  JOIN ledger ON ledger.collector = missing.collector
  GROUP BY missing.collector
)
SELECT 'lost' AS kind, collector, CAST(NULL AS bigint) AS range_first, CAST(NULL AS bigint) AS range_last, log_records
FROM lost
WHERE log_records > 0
UNION ALL
SELECT 'missing', collector, range_first, range_last, range_last - range_first + 1
FROM missing
UNION ALL
SELECT 'doubled', collector, min(ordinal), max(ordinal), count(*)
FROM islands
GROUP BY collector, island
UNION ALL
SELECT 'foreign', lines.collector, min(ordinal), max(ordinal), count(*)
FROM lines
LEFT JOIN ledger ON ledger.collector = lines.collector
WHERE ledger.collector IS NULL
GROUP BY lines.collector
ORDER BY 1, 2, 3
