"""Near misses of rules that seeded faults in `tests/seeded` changed; rows as in `faults_around`."""

from __future__ import annotations

from tests.plugin.faults_around import Row

SPARED: list[Row] = [
    (
        "A10",
        "the default mode stated beside the redirect",
        "termination",
        """
kind: Gateway
metadata: {name: argocd}
spec: {servers: {0: {tls: {mode: PASSTHROUGH, httpsRedirect: true}}}}
""",
    ),
    (
        "A09",
        "files of certificate and key",
        "termination",
        """
kind: Gateway
metadata: {name: argocd}
spec: {servers: {1: {tls: {credentialName: null, serverCertificate: /a.crt, privateKey: /a.key}}}}
""",
    ),
    (
        "A17",
        "one SNI for two networks",
        "passthrough",
        """
kind: VirtualService
metadata: {name: argocd}
spec:
  tls:
  - match: [{sniHosts: [argocd.example.com], destinationSubnets: [10.0.0.0/8]}]
    route: [{destination: {host: argocd-server, port: {number: 443}}}]
  - match: [{sniHosts: [argocd.example.com]}]
    route: [{destination: {host: argocd-server, port: {number: 443}}}]
""",
    ),
    (
        "A25",
        "safe suites of argocd-server",
        "passthrough",
        """
kind: ConfigMap
metadata: {name: argocd-cmd-params-cm}
data: {server.tls.ciphers: "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256"}
""",
    ),
    (
        "A25",
        "suites of an argocd-server without TLS",
        "termination",
        """
kind: ConfigMap
metadata: {name: argocd-cmd-params-cm}
data: {server.tls.ciphers: TLS_RSA_WITH_AES_128_CBC_SHA}
""",
    ),
    (
        "A26",
        "the default as highest version",
        "termination",
        """
kind: Gateway
metadata: {name: argocd}
spec: {servers: {1: {tls: {minProtocolVersion: null, maxProtocolVersion: TLSV1_2}}}}
""",
    ),
    (
        "A20",
        "a short name that Argo CD does not have",
        "termination",
        """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: shop, namespace: shop}
spec:
  hosts: [shop.acme.io]
  gateways: [argocd/argocd]
  http:
  - route: [{destination: {host: shop, port: {number: 80}}}]
""",
    ),
    (
        "C18",
        "one host for two namespaces",
        "termination",
        """
kind: Gateway
metadata: {name: argocd}
spec: {servers: {1: {hosts: [argocd/argocd.example.com, shop/argocd.example.com]}}}
""",
    ),
    (
        "C16",
        "local inside a public name",
        "termination",
        """
kind: Gateway
metadata: {name: argocd}
spec: {servers: {0: {hosts: [./cd.local.acme.io]}, 1: {hosts: [./cd.local.acme.io]}}}
---
kind: VirtualService
metadata: {name: argocd}
spec: {hosts: [cd.local.acme.io]}
""",
    ),
    (
        "C05",
        "a second Gateway that may take the other host",
        "termination",
        """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: one}
spec: {gatewayClassName: istio, listeners: [{name: http, port: 80, protocol: HTTP, hostname: a.acme.io}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: both}
spec:
  parentRefs: [{name: one}, {name: two, namespace: edge}]
  hostnames: [a.acme.io, b.acme.io]
  rules: [{backendRefs: [{name: argocd-server, port: 80}]}]
""",
    ),
    (
        "C09",
        "capitals of another application",
        "termination",
        """
kind: Gateway
metadata: {name: argocd}
spec: {servers: {1: {hosts: [./argocd.example.com, shop/Shop.acme.io]}}}
""",
    ),
    (
        "C22",
        "one CA for the clients of two Gateways",
        "termination",
        """
kind: Gateway
metadata: {name: argocd}
spec: {servers: {1: {tls: {mode: MUTUAL, caCertificates: /ca.crt}}}}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: shop, namespace: shop}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 443, name: https, protocol: HTTPS}
    hosts: [./shop.acme.io]
    tls: {mode: MUTUAL, credentialName: shop, caCertificates: /ca.crt}
""",
    ),
    (
        "C24",
        "wildcard certificate of argocd-server",
        "passthrough",
        """
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: argocd-server}
spec: {secretName: argocd-server-tls, dnsNames: ["*.example.com"]}
""",
    ),
    (
        "D09",
        "both keys for passthrough",
        "passthrough",
        """
apiVersion: v1
kind: Secret
metadata: {name: argocd-server-tls}
stringData: {tls.crt: filled in later, tls.key: filled in later}
""",
    ),
    (
        "G02",
        "the same host with a final dot",
        "termination",
        """
kind: ConfigMap
apiVersion: v1
metadata: {name: argocd-cm, labels: {app.kubernetes.io/part-of: argocd}}
data: {url: "https://argocd.example.com"}
---
kind: Gateway
metadata: {name: argocd}
spec: {servers: {0: {hosts: [./argocd.example.com.]}, 1: {hosts: [./argocd.example.com.]}}}
---
kind: VirtualService
metadata: {name: argocd}
spec: {hosts: [argocd.example.com.]}
""",
    ),
]
