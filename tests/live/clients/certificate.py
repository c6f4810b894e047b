"""GET https://HOST/healthz, trusting only CA-FILE. Arguments: HOST CA-FILE. Prints status and certificate SHA-256."""

import hashlib
import http.client
import ssl
import sys

host, ca = sys.argv[1:]
connection = http.client.HTTPSConnection(host, context=ssl.create_default_context(cafile=ca), timeout=10)
connection.request("GET", "/healthz")
assert isinstance(connection.sock, ssl.SSLSocket)
certificate = connection.sock.getpeercert(True)
assert certificate
print(connection.getresponse().status, hashlib.sha256(certificate).hexdigest())
