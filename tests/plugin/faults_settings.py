"""More faults of single settings, and near misses: rule, whether it reports it, mode, YAML as in a rule's example."""

from __future__ import annotations

from argocd_istio.lint.rules.workloads import ADVISORIES

Case = tuple[str, bool, str, str]

PARAMETERS = "kind: ConfigMap\nmetadata: {{name: argocd-cmd-params-cm}}\ndata: {{{0}}}\n"
TLS_SERVER = PARAMETERS.format('server.insecure: "false"')
POLICY = """\
---
apiVersion: networking.istio.io/v1
kind: {kind}
metadata: {{name: argocd-server}}
spec:
  host: {host}
  trafficPolicy: {policy}
"""
SERVER = "argocd-server.argocd.svc.cluster.local"


def policy(text: str, host: str = SERVER) -> str:
    return TLS_SERVER + POLICY.format(kind="DestinationRule", host=host, policy=text)


def deployment(*args: str, env: str = "[]") -> str:
    words = ", ".join(("/usr/local/bin/argocd-server", *args))
    return f"""\
kind: Deployment
metadata: {{name: argocd-server}}
spec:
  template:
    spec:
      containers:
      - {{name: argocd-server, args: [{words}], env: {env}, ports: [{{containerPort: 8080}}]}}
"""


def gateway(
    tls: str = "mode: SIMPLE, credentialName: argocd-certificate",
    hosts: str = "./argocd.example.com",
    redirected: str = "",
    protocol: str = "HTTPS",
) -> str:
    return f"""\
kind: Gateway
metadata: {{name: argocd}}
spec:
  servers:
  - port: {{number: 80, name: http, protocol: HTTP}}
    hosts: [{redirected or hosts}]
    tls: {{httpsRedirect: true}}
  - port: {{number: 443, name: https, protocol: {protocol}}}
    hosts: [{hosts}]
    tls: {{{tls}}}
"""


def shop(host: str, secret: str = "shop", selector: str = "istio: ingressgateway", port: int = 443) -> str:
    return f"""\
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {{name: shop, namespace: shop}}
spec:
  selector: {{{selector}}}
  servers:
  - port: {{number: {port}, name: https, protocol: HTTPS}}
    hosts: ["{host}"]
    tls: {{mode: SIMPLE, credentialName: {secret}}}
"""


BARE = """\
---
kind: VirtualService
metadata: {name: argocd}
spec: {hosts: ['argocd.example.com:8443', 'argocd.example.com.']}
"""


def route(match: str, more: str = "") -> str:
    to = f"{{host: {SERVER}, port: {{number: 80}}}}"
    return f"""\
kind: VirtualService
metadata: {{name: argocd}}
spec:
  http:
  - match: [{match}]
    route: [{{destination: {to}}}]
{more}"""


def settings(**data: str) -> str:
    """argocd-cm; a value with line breaks is a block."""
    lines = ["---", "apiVersion: v1", "kind: ConfigMap", "data:"]
    lines.insert(3, "metadata: {name: argocd-cm, labels: {app.kubernetes.io/part-of: argocd}}")
    for key, value in data.items():
        name = key.replace("_", ".")
        block = "\n".join(f"    {line}" for line in value.splitlines())
        lines.append(f"  {name}: |\n{block}" if "\n" in value else f"  {name}: {value}")
    return "\n".join(lines) + "\n"


def names(*dns: str, kind: str = "Certificate", namespace: str = "istio-system") -> str:
    """The gateway's Certificate."""
    listed = ", ".join(f'"{each}"' for each in dns)
    return f"""\
---
apiVersion: cert-manager.io/v1
kind: {kind}
metadata: {{name: cd, namespace: {namespace}}}
spec: {{secretName: argocd-certificate, dnsNames: [{listed}]}}
"""


URL = "https://argocd.example.com"
OIDC = "name: Login\nissuer: https://login.acme.io\nclientID: a\nclientSecret: {0}\n"
DEX = "connectors:\n- type: ldap\n  id: ldap\n  config: {{bindPW: {0}, redirectURI: {1}}}\n"
MUTUAL = "mode: MUTUAL, credentialName: argocd-certificate"
SECRET = """\
---
apiVersion: v1
kind: Secret
metadata: {{name: {0}, namespace: istio-system}}
stringData: {{{1}}}
"""
SNI = """\
kind: VirtualService
metadata: {{name: argocd}}
spec:
  hosts: [{0}]
  tls:
  - match: [{{sniHosts: [{1}]}}]
    route: [{{destination: {{host: argocd-server.argocd.svc.cluster.local, port: {{number: 443}}}}}}]
"""
TERMINATION, PASSTHROUGH = "termination", "passthrough"

PLAIN_80 = gateway("mode: PASSTHROUGH").replace("    tls: {httpsRedirect: true}\n", "")
TLS = "{tls: {mode: SIMPLE}}"
GRPC_WEB = """\
kind: VirtualService
metadata: {name: argocd}
spec: {http: [{route: [{destination: {host: argocd-server, port: {number: 80}}}]}]}
"""
FORMS = ("argocd", "./argocd", "argocd/argocd", *(f"argocd.argocd{end}" for end in ("", ".svc", ".svc.cluster.local")))
OWN = "[{name: OWN, valueFrom: {configMapKeyRef: {name: argocd-cmd-params-cm, key: own}}}]"


def bound(gateway: str) -> str:
    return f"kind: VirtualService\nmetadata: {{name: argocd}}\nspec: {{gateways: [{gateway}]}}\n"


def image(name: str) -> str:
    return deployment().replace("{name: argocd-server, args", f"{{name: argocd-server, image: {name!r}, args")


FIXED = min(each["version"] for each in ADVISORIES["fixed"].values())
MINOR, PATCH = FIXED.rpartition(".")[0], int(FIXED.rpartition(".")[2])
RELEASES = [
    (True, TERMINATION, image(f"quay.io/argoproj/argocd:{MINOR}.0")),
    (True, TERMINATION, image(f"registry.acme.io:5000/mirror/argocd:{MINOR[1:]}.{PATCH - 1}@sha256:0")),
    (True, TERMINATION, image(f"quay.io/argoproj/argocd:{FIXED}-rc1")),
    (False, TERMINATION, image(f"quay.io/argoproj/argocd:{FIXED}")),
    (False, TERMINATION, image(f"quay.io/argoproj/argocd:{MINOR}.{PATCH + 1}-rc1")),
    (False, TERMINATION, image("quay.io/argoproj/argocd:v9.9.9")),
    (False, TERMINATION, image("quay.io/argoproj/argocd:latest")),
    (False, TERMINATION, image("quay.io/argoproj/argocd@sha256:0")),
    (False, TERMINATION, image(f"registry.acme.io/argocd-server:{MINOR}.0")),
]
CASES: list[Case] = [
    ("A04", True, TERMINATION, policy("{tls: {mode: MUTUAL, credentialName: a, insecureSkipVerify: true}}")),
    ("A04", True, TERMINATION, policy("{tls: {mode: SIMPLE, caCertificates: /ca.crt}}")),
    (
        "A04",
        True,
        TERMINATION,
        policy("{portLevelSettings: [{port: {number: 80}, tls: {mode: SIMPLE, insecureSkipVerify: true}}]}"),
    ),
    ("A04", False, TERMINATION, policy("{tls: {mode: SIMPLE, caCertificates: /ca.crt, sni: argocd-server}}")),
    (
        "A04",
        False,
        TERMINATION,
        policy("{tls: {mode: SIMPLE, insecureSkipVerify: true}}", "web.shop.svc.cluster.local"),
    ),
    ("A04", False, TERMINATION, policy("{tls: {mode: DISABLE, insecureSkipVerify: true}}")),
    ("A08", True, PASSTHROUGH, gateway("mode: PASSTHROUGH, serverCertificate: /a.crt", protocol="TLS")),
    ("A08", True, PASSTHROUGH, gateway("mode: PASSTHROUGH, credentialNames: [a]", protocol="TLS")),
    ("A08", True, PASSTHROUGH, gateway("credentialName: a")),  # the default mode
    ("A08", False, TERMINATION, gateway()),
    ("A11", True, TERMINATION, PARAMETERS.format('server.insecure: "on"')),
    ("A11", True, TERMINATION, PARAMETERS.format('server.insecure: " true"')),
    ("A11", True, TERMINATION, deployment(env="[{name: ARGOCD_SERVER_INSECURE, value: '1'}]")),
    ("A11", False, TERMINATION, PARAMETERS.format('server.insecure: "TRUE"')),
    ("A11", False, TERMINATION, deployment("--insecure=1")),  # flags are read by another function
    ("A13", True, TERMINATION, deployment("--insecure=false")),
    ("A13", True, TERMINATION, deployment("--insecure=f", env="[{name: ARGOCD_SERVER_INSECURE, value: 'true'}]")),
    ("A13", True, TERMINATION, deployment(env="[{name: ARGOCD_SERVER_INSECURE, value: 'false'}]")),
    ("A13", False, TERMINATION, deployment("--insecure=T", env="[{name: ARGOCD_SERVER_INSECURE, value: 'True'}]")),
    ("A13", False, TERMINATION, deployment("--insecure")),
    ("A24", True, TERMINATION, gateway(MUTUAL + ", minProtocolVersion: TLSV1_0")),
    ("A24", True, PASSTHROUGH, deployment("--tlsminversion", "'1.1'")),
    ("A24", True, PASSTHROUGH, deployment(env="[{name: ARGOCD_TLS_MIN_VERSION, value: '1.0'}]")),
    ("A24", False, TERMINATION, deployment("--insecure", "--tlsminversion=1.1")),  # it speaks no TLS
    ("A24", False, PASSTHROUGH, deployment("--tlsminversion", "'1.3'")),
    ("A24", False, PASSTHROUGH, gateway("mode: PASSTHROUGH, minProtocolVersion: TLSV1_1")),  # it does nothing
    ("A25", True, TERMINATION, gateway(MUTUAL + ", cipherSuites: [ECDHE-RSA-AES128-SHA]")),
    ("A25", True, TERMINATION, gateway(MUTUAL + ", cipherSuites: [ECDHE-RSA-AES256-GCM-SHA384, AES256-GCM-SHA384]")),
    ("A25", True, TERMINATION, gateway(MUTUAL + ", cipherSuites: [DES-CBC3-SHA]")),
    ("A25", False, TERMINATION, gateway(MUTUAL + ", cipherSuites: [ECDHE-ECDSA-CHACHA20-POLY1305]")),
    ("A25", False, TERMINATION, gateway(MUTUAL + ", cipherSuites: []")),
    ("A26", True, PASSTHROUGH, deployment("--tlsmaxversion=1.1")),  # the default is 1.2
    ("A26", True, PASSTHROUGH, deployment("--tlsminversion=1.3", "--tlsmaxversion=1.2")),
    ("A26", True, TERMINATION, gateway(MUTUAL + ", minProtocolVersion: TLSV1_2, maxProtocolVersion: TLSV1_1")),
    ("A26", False, PASSTHROUGH, deployment("--tlsminversion=1.3", "--tlsmaxversion=1.3")),
    ("A26", False, TERMINATION, gateway(MUTUAL + ", minProtocolVersion: TLSV1_3, maxProtocolVersion: TLS_AUTO")),
    ("A27", True, TERMINATION, gateway(MUTUAL) + SECRET.format("argocd-certificate", "tls.crt: a, tls.key: b")),
    ("A27", True, TERMINATION, gateway(MUTUAL) + SECRET.format("argocd-certificate", "cert: a, key: b")),
    (
        "A27",
        True,
        TERMINATION,
        gateway(MUTUAL.replace("MUTUAL", "OPTIONAL_MUTUAL")) + SECRET.format("argocd-certificate", "tls.crt: a"),
    ),
    (
        "A27",
        False,
        TERMINATION,
        gateway(MUTUAL)
        + SECRET.format("argocd-certificate", "tls.crt: a, tls.key: b")
        + SECRET.format("argocd-certificate-cacert", "ca.crt: a"),
    ),
    ("A27", False, TERMINATION, gateway(MUTUAL)),  # not checked
    ("A27", False, TERMINATION, gateway() + SECRET.format("argocd-certificate", "tls.crt: a, tls.key: b")),
    ("B03", True, TERMINATION, gateway(MUTUAL + ", httpsRedirect: true")),
    ("B03", True, PASSTHROUGH, gateway("mode: PASSTHROUGH, httpsRedirect: true", protocol="TLS")),
    ("B03", False, TERMINATION, gateway(MUTUAL + ", httpsRedirect: false")),
    ("B04", True, TERMINATION, gateway(redirected="./argocd.example.com, ./cd.acme.io, ./c.acme.io")),
    ("B04", False, TERMINATION, gateway(redirected="./argocd.example.com, '*/*'")),
    ("B04", False, TERMINATION, gateway(redirected="./argocd.example.com, shop/shop.acme.io") + shop("shop.acme.io")),
    ("B05", False, PASSTHROUGH, gateway("mode: PASSTHROUGH", protocol="TLS")),
    ("B05", True, "grpc-routing", gateway()),
    ("C03", True, TERMINATION, gateway(hosts="'*/argocd.example.com'")),
    ("C03", False, TERMINATION, gateway(hosts="argocd/argocd.example.com")),
    ("C06", True, PASSTHROUGH, SNI.format("argocd.example.com", "argocd.example.com, '*.example.com'")),
    ("C06", True, PASSTHROUGH, SNI.format("argocd.example.com", "argocd.example.com, example.com")),
    ("C06", False, PASSTHROUGH, SNI.format("'*.example.com'", "argocd.example.com")),
    (
        "C17",
        False,
        TERMINATION,
        gateway(hosts="./cd.exampled.com") + "---\n" + "kind: VirtualService\n"
        "metadata: {name: argocd}\nspec: {hosts: [cd.exampled.com]}\n",
    ),
    *(
        (
            "C17",
            True,
            TERMINATION,
            gateway(hosts=f"./{host}") + "---\n" + "kind: VirtualService\n"
            f"metadata: {{name: argocd}}\nspec: {{hosts: [{host}]}}\n",
        )
        for host in ("argocd.example.org", "cd.acme.test", "argocd.your-domain.io", "argocd.changeme.io")
    ),
    ("C20", True, TERMINATION, shop("*.com")),
    ("C20", False, TERMINATION, shop("*.example.com", selector="istio: other")),
    ("C20", False, TERMINATION, shop("*.example.com", port=8443)),
    ("C22", True, TERMINATION, shop("shop.acme.io", "argocd-certificate")),
    ("C22", False, TERMINATION, shop("shop.acme.io", "argocd-certificate", selector="istio: other")),
    ("C22", False, TERMINATION, shop("shop.acme.io", "argocd-certificate", port=8443)),
    ("C23", True, TERMINATION, names("argocd.example.com", "shop.acme.io") + shop("shop.acme.io")),
    ("C23", False, TERMINATION, names("*.example.com") + shop("a.b.example.com")),  # one label alone
    ("C23", False, TERMINATION, names("*.example.com") + shop("shop.example.com", selector="istio: other")),
    ("C24", True, TERMINATION, names("*.com")),
    ("C24", True, TERMINATION, names("www.argocd.example.com", "example.com")),
    ("C24", False, TERMINATION, names("ARGOCD.example.com")),
    ("C24", False, TERMINATION, names("cd.acme.io", namespace="other")),
    ("C24", False, PASSTHROUGH, names("cd.acme.io")),
    ("C25", False, TERMINATION, SECRET.format("argocd-certificate", "tls.crt: a, tls.key: b")),
    ("G01", True, TERMINATION, settings(dex_config=DEX.format("$dex.ldap.bindPW", "''"))),
    ("G01", False, TERMINATION, settings(dex_config="connectors: []\n\n")),
    ("G01", False, TERMINATION, settings(admin_enabled="'true'")),
    ("G02", True, TERMINATION, settings(url="https://example.com")),
    ("G02", True, TERMINATION, settings(url="https://argocd.example.com.acme.io/")),
    ("G02", False, TERMINATION, settings(url="https://ARGOCD.example.com:8443")),
    ("G02", False, TERMINATION, gateway(hosts="'argocd/*'") + BARE + settings(url=URL)),  # C14
    ("G02", False, TERMINATION, "kind: Gateway\nmetadata: {name: argocd}\nspec: {servers: []}\n" + settings(url=URL)),
    ("G03", True, TERMINATION, settings(url="argocd.example.com")),
    ("G03", False, TERMINATION, settings(url="HTTPS://argocd.example.com")),
    ("G04", False, TERMINATION, settings(url=URL, oidc_config=OIDC.format("$a"))),
    ("G05", True, TERMINATION, settings(url=URL, dex_config=DEX.format("$a", "http://localhost/callback"))),
    ("G05", False, TERMINATION, settings(url=URL + "/", dex_config=DEX.format("$a", URL + "/api/dex/callback"))),
    ("G09", True, TERMINATION, settings(url=URL, dex_config=DEX.format("literal", "''"))),
    ("G09", False, TERMINATION, settings(url=URL, oidc_config=OIDC.format("''"))),
    ("G09", False, TERMINATION, settings(url=URL, oidc_config="{{ not yaml\n\n")),
    ("G07", True, TERMINATION, route("{uri: {prefix: /cd}}", "---\n" + PARAMETERS.format("server.rootpath: /cd"))),
    ("G07", False, TERMINATION, route("{uri: {exact: /cd}}, {uri: {prefix: /cd/}}")),
    ("G07", False, TERMINATION, route("{uri: {prefix: /}}")),
    ("G08", True, TERMINATION, route("{uri: {exact: /}}, {uri: {prefix: /applications}}, {uri: {prefix: /api}}")),
    ("G08", False, TERMINATION, route("{uri: {prefix: /api/webhook}}")),  # a webhook alone
    ("G08", False, TERMINATION, route("{uri: {exact: /}}, {uri: {prefix: /}}")),
    ("G08", False, TERMINATION, route("{uri: {prefix: /api}}, {uri: {regex: '/.*'}}")),
    ("B01", False, PASSTHROUGH, PLAIN_80),
    ("A02", False, PASSTHROUGH, PLAIN_80),
    ("B01", True, PASSTHROUGH, PLAIN_80 + "---\n" + PARAMETERS.format("server.insecure: 'true'")),
    ("B01", True, TERMINATION, PLAIN_80.replace("PASSTHROUGH", "SIMPLE, credentialName: a")),
    ("A02", True, TERMINATION, PLAIN_80.replace("PASSTHROUGH", "SIMPLE, credentialName: a") + "---\n" + TLS_SERVER),
    ("A03", True, TERMINATION, POLICY.format(kind="DestinationRule", host="'*.argocd.svc.cluster.local'", policy=TLS)),
    ("A03", True, TERMINATION, POLICY.format(kind="DestinationRule", host="'*.local'", policy=TLS)),
    ("A03", False, TERMINATION, POLICY.format(kind="DestinationRule", host="'*.shop.svc.cluster.local'", policy=TLS)),
    ("A31", False, PASSTHROUGH, ""),
    ("A31", False, "grpc-routing", ""),
    ("A31", True, "grpc-routing", GRPC_WEB),
    ("A31", False, TERMINATION, route("{headers: {content-type: {exact: application/grpc}}}")),  # A14
    *(("D04", False, TERMINATION, bound(form)) for form in FORMS),
    ("D04", True, TERMINATION, bound("other.argocd.svc")),
    ("I13", True, TERMINATION, PARAMETERS.format("server.insecur: 'true'")),
    ("I13", True, TERMINATION, PARAMETERS.format("x" * 1000 + ": ''")),
    ("I13", False, TERMINATION, PARAMETERS.format("redis.server: a, server.profile.enabled: 'true'")),  # by a volume
    ("I13", False, TERMINATION, PARAMETERS.format("own: ''") + "---\n" + deployment(env=OWN)),
    ("I13", True, TERMINATION, PARAMETERS.format("own: ''") + "---\n" + deployment(env=OWN.replace("params", "other"))),
    *(("K11", *row) for row in RELEASES),
]
