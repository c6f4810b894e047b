"""Calls Argo CD's VersionService/Version by native gRPC. Arguments: HOST CA-FILE. Prints the gRPC status name.

Needs no generated code: the request is an empty message, and the answer is not parsed.
"""

import sys
from pathlib import Path

import grpc  # type: ignore[import-untyped]

host, ca = sys.argv[1:]
credentials = grpc.ssl_channel_credentials(Path(ca).read_bytes())
with grpc.secure_channel(f"{host}:443", credentials) as channel:
    try:
        answer: bytes = channel.unary_unary("/version.VersionService/Version")(b"", timeout=10)
        print("OK" if answer else "OK without an answer")
    except grpc.RpcError as error:
        print(error.code().name)
