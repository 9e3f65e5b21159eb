"""An OTLP client in another language: grpcio, and requests written byte by byte. Arguments: host:port, calls, records."""

import sys

import grpc

target, calls, records = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])


def field(number, payload):
    size, length = b"", len(payload)
    while length >= 0x80:
        size += bytes([length & 0x7F | 0x80])
        length >>= 7
    return bytes([number << 3 | 2]) + size + bytes([length]) + payload


def request(first):
    logs = b""
    for index in range(records):
        body = field(1, f"record {first + index} \u00fcber grpcio".encode())
        logs += field(2, field(5, body))
    return field(1, field(2, logs))


path = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"
for compression in (grpc.Compression.NoCompression, grpc.Compression.Gzip):
    with grpc.insecure_channel(target, compression=compression) as channel:
        export = channel.unary_unary(path)
        pending = [export.future(request(call * records), timeout=20) for call in range(calls)]
        for answer in pending:
            assert answer.result() == b"", answer.result()
        try:
            export(b"\xff\xff not protobuf", timeout=20)
            raise SystemExit("the malformed request was taken")
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.INVALID_ARGUMENT, error
