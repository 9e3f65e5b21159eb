-- The delivered lines (shape json, with recordId: true) as a table of Amazon Athena. Put your bucket and prefix in, and add the
-- columns that you query: attributes and resource as map<string,string> if all their values are texts, string otherwise.
CREATE EXTERNAL TABLE logs (
  recordid string,
  `timestamp` string,
  severitytext string,
  body string,
  part int,
  parts int,
  fragment string
)
ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'
WITH SERDEPROPERTIES ('case.insensitive' = 'true', 'ignore.malformed.json' = 'true')
LOCATION 's3://my-bucket/logs/';
