"""Error texts of clients and gateways, and the rules that explain them: of the CLI, browsers, Envoy, OpenSSL."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Known:
    """An error text: a pattern of it, what it means, and what to do. `rules`: the likeliest comes first."""

    pattern: str
    rules: tuple[str, ...]
    meaning: str
    fix: str

    def matches(self, text: str) -> bool:
        """Whether a text contains the error."""
        return bool(re.search(self.pattern, text, re.IGNORECASE))


_SPLIT = (
    "send content-type exactly application/grpc to a port with appProtocol kubernetes.io/h2c, and the rest to port 80"
)
_DROPPED = (
    "argocd-server accepts HTTP/2 only with content-type application/grpc, and closes every other such connection"
)

_RESET_TOO = ("A05", "A26", "A34", "C10", "C13", "D09", "D10", "F11", "J08", "J20")

KNOWN: tuple[Known, ...] = (
    # Specific texts before the general ones that they contain.
    Known(
        r"TLS_error|WRONG_VERSION_NUMBER|SSL routines.*wrong version",
        ("A03", "A28"),
        "the gateway sends TLS to an argocd-server that speaks plain HTTP, or does not trust its certificate",
        "remove tls from the DestinationRule, or let argocd-server end TLS",
    ),
    Known(
        r"reset reason: (connection termination|protocol error)|terminated by upstream",
        ("A15", "A16", "J01", "E04", "E12", "E16", "F12"),
        f"the gateway speaks HTTP/2 to argocd-server for a request that is no native gRPC: {_DROPPED}",
        _SPLIT,
    ),
    Known(
        r"delayed connect error|connection timeout",
        ("A23", "F02"),
        "the gateway cannot connect to argocd-server's pods",
        "compare targetPort with 8080, and check NetworkPolicies",
    ),
    # Envoy does not state the reason to clients.
    Known(
        r"upstream connect error|remote connection failure",
        ("A03", "A23", "A29", "E04", "E13", "F02", "J14", "D25"),
        "the gateway cannot connect to argocd-server: it sends TLS to plain HTTP, or to a wrong or closed port",
        "compare the DestinationRule's tls with server.insecure, and targetPort with 8080",
    ),
    Known(
        r"no healthy upstream",
        ("D25", "A32"),
        "the Service of argocd-server has no ready pod, or its selector matches none",
        "look at the pods and the Service's selector",
    ),
    Known(
        r"unexpected content-type|unexpected HTTP status code received from server: 40[04]"
        r"|Failed to invoke grpc call|gRPC status 12: .*404",
        ("A14", "A17", "A31"),
        "native gRPC reaches argocd-server as HTTP/1.1: no route sends it as HTTP/2. In termination this is by design",
        f"use mode grpc-routing ({_SPLIT}), or the CLI's --grpc-web",
    ),
    Known(
        r"\b415\b|Unsupported Media Type|invalid gRPC request content-type",
        ("A16", "J02", "A15", "J01", "E12"),
        "a request of gRPC-Web or of the browser takes the route of native gRPC",
        _SPLIT,
    ),
    Known(
        r"file checksum validation error|error receiving tgz file",
        ("A31",),
        "the command sends a stream of messages, which gRPC-Web cannot carry",
        "use native gRPC: mode grpc-routing or passthrough, without --grpc-web",
    ),
    Known(
        r"stopped after \d+ redirects|too many redirects|ERR_TOO_MANY_REDIRECTS|redirected you too many times",
        ("A02", "B06", "A11"),
        "redirect loop: argocd-server expects TLS but gets clear text, or the gateway redirects behind a load balancer",
        'set server.insecure: "true" and restart argocd-server; behind a balancer, remove httpsRedirect',
    ),
    Known(
        r"missing selected ALPN property|http2: frame too large|error reading server preface",
        ("A14",),
        "whoever ends TLS does not speak HTTP/2, which native gRPC needs",
        "switch on HTTP/2 where TLS ends, or use --grpc-web",
    ),
    Known(
        r"first record does not look like a TLS handshake|wrong version number|ERR_SSL_PROTOCOL_ERROR",
        ("A05", "A01", "E12"),
        "the port speaks clear text where the client expects TLS",
        "give the Gateway's server protocol HTTPS, and a tls block",
    ),
    Known(
        r"certificate (is )?required|bad certificate\b.*alert|alert bad certificate|certificate required",
        ("A27",),
        "the gateway asks for a client certificate (mode MUTUAL)",
        "give clients one (--client-crt of the CLI), or use mode SIMPLE",
    ),
    Known(
        r"protocol version not supported|UNSUPPORTED.PROTOCOL|alert protocol version|ERR_SSL_VERSION",
        ("A24", "A26"),
        "client and server have no version of TLS in common",
        "leave minProtocolVersion unset, or set TLSV1_2",
    ),
    Known(
        r"certificate is valid for|hostname mismatch|not valid for '|IP address mismatch|ERR_CERT_COMMON_NAME_INVALID"
        r"|does not match target host|no alternative certificate subject name matches",
        ("C24",),
        "the certificate does not name this host",
        "issue one for the host, into the Secret that the gateway reads",
    ),
    Known(
        r"certificate has expired|not yet valid|ERR_CERT_DATE_INVALID",
        ("C25",),
        "the certificate has expired, or is not valid yet",
        "renew it, and check the clocks",
    ),
    Known(
        r"self.signed certificate(?! in)|ERR_CERT_AUTHORITY_INVALID",
        ("D15",),
        "the certificate is self-signed: argocd-server makes one if it has no Secret argocd-server-tls",
        "create Secret argocd-server-tls with the label app.kubernetes.io/part-of: argocd",
    ),
    Known(
        r"signed by unknown authority|unable to get (local )?issuer|self.signed certificate in"
        r"|unable to verify the first",
        ("D09", "A09"),
        "the CA is not trusted here, tls.crt is without the intermediate certificates, or the Gateway names no "
        "certificate and shows one of the mesh",
        "append the intermediates to tls.crt; for a CA of your own, pass it to clients (--cacert)",
    ),
    Known(
        r"RBAC: access denied",
        ("F12", "E16"),
        "an AuthorizationPolicy refuses the request",
        "compare its principals, hosts and addresses with the request; hosts need host and host:*",
    ),
    Known(
        r"upstream request timeout|stream timeout|\b504\b|Gateway Time-?out",
        ("H01",),
        "a timeout of the route, or of a proxy before it, ends the request",
        "remove timeout from the route: without one, streams stay open",
    ),
    Known(
        r"Invalid redirect URL|redirect_uri",
        ("G02", "G04"),
        "single sign-on returns to an address that Argo CD or the identity provider does not know",
        "set url in argocd-cm to https:// and the host, and list further hosts in additionalUrls",
    ),
    Known(
        r"Unexpected token '?<|MIME type \('text/html'\)",
        ("G11", "G06"),
        "the UI's files come from another path than its pages: a blank page",
        "set server.rootpath to the path, and do not rewrite it",
    ),
    Known(
        r"connection reset|reset by peer|closed without an answer|unexpected eof|EOF occurred|\bEOF\b|SSL_ERROR_SYSCALL"
        r"|ERR_CONNECTION_(RESET|CLOSED)",
        ("A01", "D08", "C26", "A06", "C21", "C27", *_RESET_TOO),
        "the connection closes in the handshake: argocd-server speaks plain HTTP behind passthrough, the gateway has "
        "no certificate, or no route takes this host's SNI",
        "check in this order: server.insecure, the Secret in the namespace of the gateway's pods, hosts and sniHosts",
    ),
    Known(
        r"connection refused|ERR_CONNECTION_REFUSED",
        ("D16", "D23", "D01", "A10", "A06", "C19", "J09", "J12"),
        "nothing listens on the port: the gateway has no server for it or no certificate, or its Service is "
        "without the port",
        "check the Gateway's servers and selector, and the ports of the gateway's Service",
    ),
    Known(
        r"no answer in time",
        ("D25", "F02"),
        "the connection works, but nothing answers: argocd-server hangs, or a policy drops the gateway's packets",
        "look at the pods of argocd-server, and at policies that select them",
    ),
    Known(
        r"context deadline exceeded|i/o timeout|no connection in time|timed out|no route to host|unreachable",
        ("D16", "F02"),
        "no packet comes back: a firewall, a load balancer without targets, or a NetworkPolicy",
        "check the address, the balancer's health checks, and policies on the gateway",
    ),
    Known(
        r"no such host|not known|NXDOMAIN|ERR_NAME_NOT_RESOLVED|no address",
        (),
        "the name does not resolve",
        "create the DNS record, or try an address with --resolve",
    ),
    Known(
        r"HTTP status 500$",
        ("A20", "A19", "J10", "J14"),
        "a gateway of the Gateway API cannot use the route's backend: no such Service or port, or no ReferenceGrant",
        "compare backendRefs with the Service; in another namespace it needs a ReferenceGrant",
    ),
    Known(
        r"HTTP status 503$|\b503\b|Service Unavailable",
        ("A20", "A19", "A32", "D05", "D26", "D25"),
        "the gateway has no working destination: the Service, its port or its pods are missing",
        "compare the route's destination with the Service",
    ),
    # The gateway's own answer has no text.
    Known(
        r"404 page not found",
        ("A23", "G06", "G11"),
        "the request reaches a server that does not know the path: another port of argocd-server, or another root path",
        "compare targetPort with 8080, and the route's path with server.rootpath",
    ),
    Known(
        r"HTTP status 404$|\b404\b",
        ("C04", "A06", "A33", "C26", "C09", "D04", "D06", "D24", "G06", "G11", "J06", "J07", "J08"),
        "no route of the gateway takes the request",
        "name the same host in Gateway and route, and add an http route for the server",
    ),
)


def explain(text: str) -> Known | None:
    """The first known error in a text."""
    return next((each for each in KNOWN if each.matches(text)), None)
