-- Every log record once: lines that came twice under one recordId (an answer of Firehose that was lost) are the same, so any one
-- of them will do. Lines without a recordId are all kept. Runs as it is on Amazon Athena (Trino) and on DuckDB, where it is tested;
-- make it a view with CREATE VIEW logs_once AS ...
SELECT *
FROM (
  SELECT *, row_number() OVER (PARTITION BY recordid, coalesce(part, 1) ORDER BY recordid) AS copy
  FROM logs
) AS numbered
WHERE copy = 1 OR recordid IS NULL
