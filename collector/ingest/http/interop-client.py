"""An OTLP/HTTP client of nothing but Python's own library. Arguments: the URL, requests, records of each."""

import gzip
import json
import sys
import urllib.error
import urllib.request

url, requests, records = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])


def send(body, **headers):
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(url, data=body, headers=headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as refused:
        return refused.code, json.loads(refused.read())


def record(number):
    return {
        "timeUnixNano": str(1763800000123456789 + number),
        "severityNumber": 9,
        "body": {"stringValue": f"record {number} \u00fcber urllib \U0001f600"},
        "attributes": [{"key": "number", "value": {"intValue": number}}],
        "traceId": "5b8efff798038103d269b633813fc60c",
        "spanId": "eee19b7ec3c1b174",
    }


for index in range(requests):
    logs = [record(index * records + each) for each in range(records)]
    body = json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": logs}]}]}, ensure_ascii=index % 2 == 0).encode()
    if index % 3 == 0:
        answer = send(gzip.compress(body), content_type="application/json", content_encoding="gzip")
    else:
        answer = send(body, content_type="application/json")
    assert answer == (200, {}), answer

status, told = send(b'{"resourceLogs": [{]}', content_type="application/json")
assert status == 400 and told["code"] == 3, (status, told)
