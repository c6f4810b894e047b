"""Adds TLS to plain connections: `tls_front.py HOST ADDRESS` listens on 127.0.0.1:443 and connects to ADDRESS:443.

Some of upstream's tests send `http://` to the address of argocd-server. With this in front of the gateway, and HOST
resolved to 127.0.0.1 for the test alone, they reach the gateway by TLS, with the host that it serves. A connection that
starts with HTTP/2's preface negotiates HTTP/2, any other HTTP/1.1.
"""

from __future__ import annotations

import asyncio
import ssl
import sys

PREFACE = b"PRI * HTTP/2.0"
TLS_HANDSHAKE = 0x16


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    try:
        while data := await source.read(65536):
            target.write(data)
            await target.drain()
    except (ConnectionError, ssl.SSLError):
        pass
    finally:
        target.close()


async def _serve(host: str, address: str) -> None:
    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = await reader.read(65536)
        # The suite first tries TLS, and uses clear text if that is refused.
        if not first or first[0] == TLS_HANDSHAKE:
            writer.close()
            return
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_alpn_protocols(["h2" if first.startswith(PREFACE) else "http/1.1"])
        answers, requests = await asyncio.open_connection(address, 443, ssl=context, server_hostname=host)
        requests.write(first)
        await asyncio.gather(_copy(reader, requests), _copy(answers, writer))

    async with await asyncio.start_server(accept, "127.0.0.1", 443) as server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(*sys.argv[1:]))
