"""More faults around the ways, and near misses, as documents that are merged into an overlay.

Each row: the rule, a description, the mode, the documents. What is not known is in UNKNOWN.
"""

from __future__ import annotations

from argocd_istio.render.model import Stated

Row = tuple[str, str, str, str]


def namespace(**labels: str) -> str:
    names = {"enforce": "pod-security.kubernetes.io/enforce", "istio_injection": "istio-injection"}
    written = ", ".join(f"{names.get(key, key)}: '{value}'" for key, value in labels.items())
    return f"""
apiVersion: v1
kind: Namespace
metadata: {{name: argocd, labels: {{{written}}}}}
---"""


CNI = """
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: istio-cni-node, namespace: istio-system}
---"""
INJECTED = namespace(istio_injection="enabled")


def gateway(servers: str, selector: str = "{istio: ingressgateway}") -> str:
    return f"""
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {{name: argocd}}
spec:
  selector: {selector}
  servers:
  - port: {{number: 80, name: http, protocol: HTTP}}
    hosts: [./argocd.example.com]
    tls: {{httpsRedirect: true}}
  - {servers}
---"""


def https(credential: str, name: str = "https", number: int = 443) -> str:
    port = f"port: {{number: {number}, name: {name}, protocol: HTTPS}}"
    return gateway(
        f"{port}\n    hosts: [./argocd.example.com]\n    tls: {{mode: SIMPLE, credentialName: '{credential}'}}"
    )


def login(space: str, host: str = "argocd.example.com") -> str:
    """A policy for the gateway's pods, in a namespace."""
    return f"""
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {{name: login, namespace: {space}}}
spec:
  selector: {{matchLabels: {{istio: ingressgateway}}}}
  action: CUSTOM
  provider: {{name: login}}
  rules: [{{to: [{{operation: {{hosts: [{host}]}}}}]}}]
---"""


def routes(rest: str) -> str:
    return f"""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: argocd}}
spec: {rest}
---"""


def rule(rest: str) -> str:
    """One http rule to argocd-server with more fields."""
    target = "route: [{destination: {host: argocd-server.argocd.svc.cluster.local, port: {number: 80}}}]"
    return routes(f"{{http: [{{{target}, {rest}}}]}}")


def to(service: str, port: int = 80) -> str:
    host = f"host: {service}, port: {{number: {port}}}"
    return routes(f"{{http: [{{route: [{{destination: {{{host}}}}}]}}]}}")


def network(ingress: str, types: str = "[Ingress]", name: str = "argocd-server") -> str:
    return f"""
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: {name}}}
spec:
  podSelector: {{matchLabels: {{app.kubernetes.io/name: argocd-server}}}}
  policyTypes: {types}
  ingress: {ingress}
---"""


def callers(rules: str, action: str = "ALLOW", selector: str = "argocd-server") -> str:
    return f"""
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {{name: callers}}
spec:
  selector: {{matchLabels: {{app.kubernetes.io/name: {selector}}}}}
  action: {action}
  rules: {rules}
---"""


def edge_policy(
    rules: str, action: str = "ALLOW", more: str = "selector: {matchLabels: {istio: ingressgateway}}"
) -> str:
    return f"""
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {{name: edge, namespace: istio-system}}
spec:
  {more}
  action: {action}
  rules: {rules}
---"""


def edge_service(rest: str, selector: str = "{istio: ingressgateway, app: gateway}") -> str:
    return f"""
apiVersion: v1
kind: Service
metadata: {{name: edge, namespace: istio-system}}
spec: {{selector: {selector}, {rest}}}
---"""


def edge_pods(labels: str = "{istio: ingressgateway}", rest: str = "", annotations: str = "{}") -> str:
    return f"""
apiVersion: apps/v1
kind: Deployment
metadata: {{name: edge, namespace: istio-system}}
spec:
  template:
    metadata: {{labels: {labels}, annotations: {annotations}}}
    spec: {{serviceAccountName: edge, {rest}containers: [{{name: istio-proxy}}]}}
---"""


def settings(name: str, data: str) -> str:
    return f"""
apiVersion: v1
kind: ConfigMap
metadata: {{name: {name}, labels: {{app.kubernetes.io/part-of: argocd}}}}
data: {data}
---"""


def secret(name: str, data: str, namespace: str = "argocd", field: str = "stringData") -> str:
    return f"""
apiVersion: v1
kind: Secret
metadata: {{name: {name}, namespace: {namespace}, labels: {{app.kubernetes.io/part-of: argocd}}}}
{field}: {data}
---"""


def certificate(name: str, host: str = "argocd.example.com", namespace: str = "istio-system") -> str:
    return f"""
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {{name: own, namespace: {namespace}}}
spec: {{dnsNames: ['{host}'], secretName: {name}}}
---"""


def server(rest: str, args: str = "[/usr/local/bin/argocd-server]", pod: str = "") -> str:
    """argocd-server's container with other fields."""
    strict = "allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}, runAsNonRoot: true"
    profile = "seccompProfile: {type: RuntimeDefault}"
    known = {"name": "argocd-server", "args": args, "securityContext": f"{{{strict}, {profile}}}"}
    fields = ", ".join(f"{key}: {value}" for key, value in known.items() if f"{key}:" not in rest)
    insecure = "{name: argocd-cmd-params-cm, key: server.insecure}"
    env = f"env: [{{name: ARGOCD_SERVER_INSECURE, valueFrom: {{configMapKeyRef: {insecure}}}}}], " * (
        "env:" not in rest
    )
    return f"""
apiVersion: apps/v1
kind: Deployment
metadata: {{name: argocd-server}}
spec:
  template:
    spec:
      {pod or "restartPolicy: Always"}
      containers: [{{{fields}, {env}ports: [{{containerPort: 8080}}]{", " if rest else ""}{rest}}}]
---"""


def part(name: str, rest: str) -> str:
    """Another workload of Argo CD."""
    return f"""
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}, labels: {{app.kubernetes.io/part-of: argocd}}}}
spec: {{template: {{spec: {{{rest}}}}}}}
---"""


def api(listener: str, route: str = "") -> str:
    return f"""
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: public}}
spec:
  gatewayClassName: istio
  listeners: [{{name: public, port: 443, hostname: cd.example.io, {listener}}}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: public}}
spec:
  parentRefs: [{{name: public}}]
  hostnames: [cd.example.io]
  rules: [{{{route}backendRefs: [{{name: argocd-server, port: 80}}]}}]
---"""


ENDED = "protocol: HTTPS, tls: {certificateRefs: [{name: argocd-certificate}]}"
HERE = "namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: istio-system}}"
GRPC = "matches: [{headers: [{name: content-type, value: application/grpc}]}], "
KEY = "-----BEGIN EC PRIVATE KEY-----"
DOOR = "apiVersion: v1\nkind: Service\nmetadata: {name: own}\nspec: {type: NodePort, ports: [{port: 80}], selector: "
OWN_GATEWAY = """
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: own, namespace: edge}
spec: {selector: {istio: edge}, servers: []}
---"""
EDGE_CONFIG = """{proxy.istio.io/config: '{connectionSettings: {profile: EDGE}}'}"""

REPO = part("argocd-repo-server", "containers: []").replace(
    "template: {spec", "template: {metadata: {labels: {app.kubernetes.io/name: argocd-repo-server}}, spec"
)
ALL_PODS = network("[{ports: [{port: 8080}]}]", name="all").replace(
    "{matchLabels: {app.kubernetes.io/name: argocd-server}}", "{}"
)

REFUSED = """kind: Gateway
metadata: {name: argocd}
spec:
  servers:
  - port: {number: 443, name: https, protocol: HTTPS}
    hosts: [shop/argocd.example.com]
    tls: {mode: SIMPLE, credentialName: argocd-certificate}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: shop, namespace: shop}
spec:
  hosts: [argocd.example.com]
  gateways: [argocd/argocd]
  http: [{route: [{destination: {host: shop}}]}]
"""
ADMITTED_ONCE = """apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: shop, namespace: shop}
spec:
  selector: {istio: other}
  servers:
  - port: {number: 443, name: https, protocol: HTTPS}
    hosts: [shop/argocd.example.com]
    tls: {mode: SIMPLE, credentialName: shop}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: shop, namespace: shop}
spec:
  hosts: [argocd.example.com]
  gateways: [shop/shop]
  http: [{route: [{destination: {host: shop}}]}]
---
kind: VirtualService
metadata: {name: argocd}
spec: {gateways: [argocd, shop/shop]}
"""

WRONG: list[Row] = [
    ("F25", "the port of argocd-server alone", "termination", REPO + ALL_PODS),
    ("F27", "a denial", "termination", login("argocd").replace("CUSTOM", "DENY")),
    ("F27", "a host with a port", "grpc-routing", login("delivery", "'argocd.example.com:*'")),
    ("F27", "hosts of a domain", "termination", login("argocd", "'*.example.com'")),
    ("F27", "other labels", "termination", login("istio-system").replace("ingressgateway", "other") + edge_pods()),
    ("F26", "nothing at all", "termination", REPO + network("[]", "[Egress]")),
    ("D03", "no Gateway at all", "termination", routes("{gateways: null}")),
    ("D03", "the mesh alone", "grpc-routing", routes("{gateways: [mesh]}")),
    ("D04", "a forgotten namespace", "termination", OWN_GATEWAY + routes("{gateways: [argocd/argocd, own]}")),
    (
        "D05",
        "a renamed Gateway",
        "passthrough",
        OWN_GATEWAY.replace("own, namespace: edge", "dev-public")
        + routes("{gateways: [argocd/argocd, argocd/public]}"),
    ),
    (
        "D24",
        "a host that another VirtualService has",
        "termination",
        REFUSED,
    ),
    ("D09", "a Secret with a key alone", "termination", secret("argocd-certificate", "{tls.key: a}", "istio-system")),
    ("D10", "capitals", "termination", https("Certificate")),
    ("D10", "an empty part", "grpc-routing", https("argocd..certificate")),
    (
        "D12",
        "a key in base64",
        "termination",
        secret(
            "argocd-certificate",
            "{tls.crt: YQ==, tls.key: LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0t}",
            "istio-system",
            "data",
        ),
    ),
    ("D12", "a key of argocd-server", "passthrough", secret("argocd-server-tls", f"{{tls.crt: a, tls.key: {KEY}}}")),
    ("D13", "a wildcard", "termination", certificate("cd", "*.example.com")),
    ("D13", "in Argo CD's namespace", "grpc-routing", certificate("cd", namespace="argocd")),
    (
        "D16",
        "another port",
        "termination",
        https("argocd-certificate", number=8444) + edge_service("ports: [{port: 80}, {port: 443}]"),
    ),
    ("D18", "a policy", "termination", callers("[{}]").replace("istio.io/v1", "istio.io/v1beta1")),
    ("E10", "one container", "termination", INJECTED + server("securityContext: {runAsUser: 1337}")),
    ("F02", "policies without rules", "termination", network("[]")),
    ("F02", "pods of the own namespace", "termination", network("[{from: [{podSelector: {}}]}]")),
    (
        "F02",
        "other labels of the gateway",
        "grpc-routing",
        network(f"[{{from: [{{{HERE}, podSelector: {{matchLabels: {{istio: egressgateway}}}}}}]}}]"),
    ),
    ("F02", "another port of the pod", "passthrough", network(f"[{{from: [{{{HERE}}}], ports: [{{port: 8083}}]}}]")),
    ("F02", "UDP alone", "termination", network("[{ports: [{protocol: UDP, port: 8080}]}]")),
    ("F03", "443 behind passthrough", "passthrough", network(f"[{{from: [{{{HERE}}}], ports: [{{port: 443}}]}}]")),
    ("F06", "a NodePort of another name", "termination", f"{DOOR}{{app.kubernetes.io/name: argocd-server}}}}"),
    (
        "F06",
        "addresses",
        "passthrough",
        """
apiVersion: v1
kind: Service
metadata: {name: argocd-server}
spec: {externalIPs: [192.0.2.1]}""",
    ),
    (
        "F07",
        "an Ingress with paths",
        "termination",
        """
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: own}
spec: {rules: [{http: {paths: [{path: /, backend: {service: {name: argocd-server}}}]}}]}""",
    ),
    ("F08", "Redis", "termination", to("argocd-redis.argocd.svc.cluster.local", 6379)),
    ("F08", "the metrics", "grpc-routing", to("argocd-server-metrics.argocd.svc.cluster.local", 8083)),
    ("F11", "DENY of a method", "passthrough", edge_policy("[{to: [{operation: {methods: [TRACE]}}]}]", "DENY")),
    ("F11", "a token", "passthrough", edge_policy("[{from: [{source: {requestPrincipals: ['*']}}]}]")),
    (
        "F11",
        "a whole namespace",
        "passthrough",
        edge_policy("[{to: [{operation: {hosts: [a.b]}}]}]", more="{}").replace("  {}\n", ""),
    ),
    ("F12", "no rule at all", "termination", INJECTED + callers("null")),
    (
        "F12",
        "another namespace by name",
        "termination",
        INJECTED + callers("[{from: [{source: {namespaces: [istio-ingress]}}]}]"),
    ),
    (
        "F12",
        "another account of known pods",
        "termination",
        INJECTED
        + edge_pods()
        + callers("[{from: [{source: {principals: [cluster.local/ns/istio-system/sa/other]}}]}]"),
    ),
    (
        "F12",
        "only the port of the metrics",
        "termination",
        INJECTED + callers("[{to: [{operation: {ports: ['8083']}}]}]"),
    ),
    (
        "F13",
        "a condition",
        "termination",
        edge_policy("[{when: [{key: remote.ip, values: [192.0.2.0/24]}]}]")
        + edge_service("type: LoadBalancer, ports: [{port: 80}, {port: 443}]"),
    ),
    ("F14", "a flag", "termination", server("", "[/usr/local/bin/argocd-server, --disable-auth]")),
    (
        "F14",
        "a variable",
        "termination",
        server(
            "env: [{name: ARGOCD_SERVER_DISABLE_AUTH, value: 'TRUE'}, {name: ARGOCD_SERVER_INSECURE, value: 'true'}]"
        ),
    ),
    (
        "F15",
        "with a role",
        "termination",
        settings("argocd-cm", '{users.anonymous.enabled: "true"}')
        + settings("argocd-rbac-cm", "{policy.default: role:dev}"),
    ),
    (
        "F16",
        "a role of one's own",
        "termination",
        settings("argocd-rbac-cm", "{policy.default: role:dev, policy.csv: 'p, role:dev, *, *, *, allow'}"),
    ),
    (
        "F16",
        "a role that gets admin",
        "termination",
        settings("argocd-rbac-cm", "{policy.default: role:dev, policy.more.csv: 'g, role:dev, role:admin'}"),
    ),
    (
        "F17",
        "Dex",
        "termination",
        settings("argocd-cm", "{url: https://argocd.example.com, dex.config: 'connectors: []'}"),
    ),
    ("F20", "an empty flag", "termination", server("", "[/usr/local/bin/argocd-server, '--x-frame-options=']")),
    ("F20", "two words", "termination", server("", "[/usr/local/bin/argocd-server, --content-security-policy, '']")),
    ("F20", "every origin", "termination", rule("corsPolicy: {allowOrigins: [{regex: '.*'}]}")),
    ("H02", "a status code", "termination", rule("retries: {attempts: 2, retryOn: 'connect-failure,503'}")),
    (
        "H06",
        "REPLACE in Argo CD's namespace",
        "termination",
        """
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: own}
spec: {configPatches: [{patch: {operation: ADD}}, {patch: {operation: REPLACE}}]}""",
    ),
    ("I01", "the network of the node", "termination", server("", pod="hostNetwork: true")),
    ("I01", "a path of the node", "termination", server("", pod="volumes: [{name: a, hostPath: {path: /}}]")),
    (
        "I01",
        "an added capability",
        "termination",
        server(
            "securityContext: {allowPrivilegeEscalation: false, "
            "runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}, capabilities: {drop: [ALL], add: [SYS_ADMIN]}}"
        ),
    ),
    ("I01", "a sidecar of one's own", "termination", part("argocd-repo-server", "containers: [{name: avp}]")),
    (
        "I03",
        "an init container",
        "termination",
        server("image: 'q/argocd:v9.9.9'")
        + part("argocd-dex-server", "initContainers: [{name: copyutil, image: 'q/argocd:v9.9.1'}]"),
    ),
    (
        "I08",
        "every object by patch",
        "termination",
        part("argocd-repo-server", "serviceAccountName: own")
        + """
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: own, namespace: null}
rules: [{apiGroups: ['*'], resources: ['*'], verbs: [patch]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: own, namespace: null}
roleRef: {kind: ClusterRole, name: own}
subjects: [{kind: ServiceAccount, name: own, namespace: argocd}]""",
    ),
    ("I10", "a flag for the metrics", "passthrough", server("", "[--metrics-port=8083]")),
    (
        "J13",
        "a BackendTLSPolicy",
        "passthrough",
        """
apiVersion: gateway.networking.k8s.io/v1alpha3
kind: BackendTLSPolicy
metadata: {name: own}
spec: {}""",
    ),
    (
        "J13",
        "old definitions",
        "passthrough",
        """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: tlsroutes.gateway.networking.k8s.io
  namespace: null
  annotations: {gateway.networking.k8s.io/bundle-version: v1.3.0}""",
    ),
]

LONG = "{policy.default: a, policy.csv: '" + "x" * 200_000 + "'}"
SPARED: list[Row] = [
    (
        "D24",
        "one of two Gateways admits it",
        "termination",
        ADMITTED_ONCE,
    ),
    (
        "F16",
        "a row that is too long",
        "termination",
        settings("argocd-rbac-cm", LONG),
    ),
    (
        "H05",
        "settings that are no YAML",
        "termination",
        settings("istio", "{mesh: '{'}").replace("name: istio,", "name: istio, namespace: istio-system,"),
    ),
    (
        "J13",
        "a bundle that is no version",
        "passthrough",
        """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: tlsroutes.gateway.networking.k8s.io
  namespace: null
  annotations: {gateway.networking.k8s.io/bundle-version: v1.x}""",
    ),
    ("F25", "another part", "termination", REPO.replace("argocd-repo-server", "argocd-part") + ALL_PODS),
    (
        "F25",
        "a second policy",
        "termination",
        REPO
        + ALL_PODS
        + network("[{from: [{podSelector: {}}]}]", name="b").replace("argocd-server}", "argocd-repo-server}"),
    ),
    ("F26", "its ingress", "termination", REPO + network("[]")),
    ("F27", "the root namespace", "termination", login("istio-system")),
    ("F27", "another host", "termination", login("argocd", "web.example.com")),
    ("F27", "another gateway", "termination", login("argocd").replace("ingressgateway", "other")),
    ("F27", "pods elsewhere", "termination", login("edge").replace("ingressgateway", "other") + edge_pods()),
    (
        "F27",
        "more labels",
        "termination",
        login("istio-system").replace("istio: i", "a: b, istio: i") + edge_pods("{a: b, istio: ingressgateway}"),
    ),
    (
        "F27",
        "argocd-server's own pods",
        "termination",
        login("argocd").replace("istio: ingressgateway", "app.kubernetes.io/name: argocd-server"),
    ),
    ("F27", "no hosts", "termination", login("argocd").replace("hosts: [argocd.example.com]", "paths: [/a]")),
    (
        "D03",
        "a VirtualService of other hosts",
        "termination",
        routes("{hosts: [argocd-server.argocd.svc.cluster.local], gateways: [mesh]}"),
    ),
    ("D03", "another application", "termination", routes("{gateways: [mesh]}") + to("web.shop.svc.cluster.local")),
    ("D04", "a Gateway of another namespace", "termination", routes("{gateways: [argocd/argocd, edge/shared]}")),
    ("D04", "the whole name", "termination", routes("{gateways: [argocd.argocd.svc.cluster.local]}")),
    ("D05", "a Service that is nowhere", "termination", to("argocd-server-web.argocd.svc.cluster.local")),
    ("D09", "a generic Secret", "termination", secret("argocd-certificate", "{cert: a, key: b}", "istio-system")),
    ("D09", "a Secret that is filled later", "termination", secret("argocd-certificate", "{}", "istio-system")),
    ("D09", "a Secret of another name", "termination", secret("other", "{a: b}", "istio-system")),
    ("D10", "the gateway's own namespace", "termination", https("istio-system/argocd-certificate")),
    ("D10", "a scheme", "termination", https("kubernetes://argocd-certificate")),
    ("D10", "dots", "termination", https("cd.example.com-tls")),
    ("D11", "the suffix within", "termination", https("argocd-cacert.tls")),
    (
        "D12",
        "a certificate alone",
        "termination",
        secret("argocd-certificate", "{tls.crt: -----BEGIN CERTIFICATE-----}", "istio-system"),
    ),
    ("D12", "another namespace", "termination", secret("web", f"{{tls.key: {KEY}}}", "shop")),
    ("D12", "a placeholder", "termination", secret("argocd-server-tls", "{tls.key: <path:secret/data/cd#key>}")),
    ("D13", "argocd-server's own", "termination", certificate("argocd-server-tls", namespace="argocd")),
    ("D13", "another host", "termination", certificate("web", "web.example.com")),
    ("D13", "another namespace", "termination", certificate("web", namespace="shop")),
    (
        "D13",
        "a Secret that is here",
        "termination",
        certificate("web") + secret("argocd-certificate", "{}", "istio-system"),
    ),
    (
        "D14",
        "both",
        "passthrough",
        secret("argocd-secret", "{tls.crt: a}") + secret("argocd-server-tls", "{tls.crt: a}"),
    ),
    ("D15", "TLS ends at the gateway", "termination", ""),
    ("D15", "a Secret in the old place", "passthrough", secret("argocd-secret", "{tls.crt: a}")),
    (
        "D16",
        "the port of the pods",
        "termination",
        https("argocd-certificate", number=8443) + edge_service("ports: [{port: 80}, {port: 443, targetPort: 8443}]"),
    ),
    (
        "D16",
        "ports of the host",
        "termination",
        edge_service("ports: [{port: 80}]")
        + edge_pods(rest="hostNetwork: true, ").replace("istio-proxy}", "istio-proxy, ports: [{containerPort: 443}]}"),
    ),
    ("D16", "a Service of other pods", "termination", edge_service("ports: [{port: 15021}]", "{istio: egressgateway}")),
    (
        "D17",
        "names of two Gateways",
        "termination",
        OWN_GATEWAY.replace("servers: []", "servers: [{port: {name: http}}]"),
    ),
    (
        "D18",
        "a kind without v1",
        "termination",
        """
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: own, namespace: shop}
spec: {priority: 1}""",
    ),
    (
        "D19",
        "objects of the cluster",
        "termination",
        """
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: own, namespace: null}""",
    ),
    (
        "E01",
        "TLS again",
        "termination",
        settings("argocd-cmd-params-cm", '{server.insecure: "false"}')
        + """
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: argocd-server}
spec: {host: argocd-server.argocd.svc.cluster.local, trafficPolicy: {tls: {mode: SIMPLE, caCertificates: /ca.pem}}}""",
    ),
    ("E01", "TLS passes through", "passthrough", ""),
    ("E05", "istio-cni is here", "termination", namespace(istio_injection="enabled", enforce="baseline") + CNI),
    ("E10", "outside the mesh", "termination", namespace(a="b") + server("securityContext: {runAsUser: 1337}")),
    ("F01", "another port", "termination", network("[{ports: [{port: 8083}]}]")),
    ("F01", "all of a namespace", "termination", network("[{from: [{podSelector: {}}]}]")),
    (
        "F02",
        "a second policy admits it",
        "termination",
        network("[]") + network(f"[{{from: [{{{HERE}}}]}}]", name="second"),
    ),
    ("F02", "egress alone", "termination", network("null", "[Egress]")),
    ("F02", "a named port", "termination", network(f"[{{from: [{{{HERE}}}], ports: [{{port: server}}]}}]")),
    ("F02", "a range of ports", "termination", network("[{ports: [{port: 8000, endPort: 9000}]}]")),
    ("F02", "a block of addresses", "termination", network("[{from: [{ipBlock: {cidr: 10.0.0.0/8}}]}]")),
    (
        "F02",
        "labels of a Namespace elsewhere",
        "termination",
        network("[{from: [{namespaceSelector: {matchLabels: {team: edge}}}]}]"),
    ),
    (
        "F02",
        "an expression",
        "termination",
        network("[{from: [{namespaceSelector: {matchExpressions: [{key: a, operator: Exists}]}}]}]"),
    ),
    ("F03", "both ports", "termination", network("[{ports: [{port: 80}, {port: 8080}]}]")),
    (
        "F04",
        "a Namespace with that label",
        "termination",
        namespace(name="argocd") + network("[{from: [{namespaceSelector: {matchLabels: {name: edge}}}]}]"),
    ),
    (
        "F05",
        "other pods of the own namespace",
        "termination",
        network(f"[{{from: [{{{HERE}}}, {{podSelector: {{matchLabels: {{app: own}}}}}}]}}]"),
    ),
    ("F06", "a Service of other pods", "termination", f"{DOOR}{{app: web}}}}"),
    (
        "F07",
        "no way through a gateway",
        "termination",
        routes("{gateways: [mesh]}")
        + """
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: own}
spec: {defaultBackend: {service: {name: argocd-server}}}""",
    ),
    ("F08", "a name that only begins so", "termination", to("argocd-redis-ui.argocd.svc.cluster.local")),
    ("F08", "another namespace", "termination", to("shop-redis.shop.svc.cluster.local")),
    (
        "F09",
        "a policy of the namespace",
        "termination",
        INJECTED + callers("[{}]").replace("  selector: {matchLabels: {app.kubernetes.io/name: argocd-server}}\n", ""),
    ),
    ("F10", "pods of somebody else", "termination", callers("[{}]", selector="web")),
    (
        "F11",
        "fields of connections",
        "passthrough",
        edge_policy("[{when: [{key: connection.sni, values: [argocd.example.com]}]}]"),
    ),
    (
        "F11",
        "another gateway",
        "passthrough",
        edge_policy("[{to: [{operation: {paths: [/]}}]}]").replace("{istio: ingressgateway}", "{istio: egressgateway}"),
    ),
    ("F11", "TLS ends here", "termination", edge_policy("[{to: [{operation: {paths: [/*]}}]}]")),
    (
        "F12",
        "everybody of a namespace",
        "termination",
        INJECTED + callers("[{from: [{source: {principals: [cluster.local/ns/istio-system/sa/*]}}]}]"),
    ),
    (
        "F12",
        "another trust domain",
        "termination",
        INJECTED + callers("[{from: [{source: {principals: ['*/ns/istio-system/sa/edge']}}]}]"),
    ),
    (
        "F12",
        "a second rule",
        "termination",
        INJECTED + callers("[{from: [{source: {namespaces: [edge]}}, {source: {principals: ['*']}}]}]"),
    ),
    ("F12", "a refusal", "termination", INJECTED + callers("[{from: [{source: {namespaces: [shop]}}]}]", "DENY")),
    ("F12", "no mesh", "termination", namespace(a="b") + callers("[{from: [{source: {namespaces: [edge]}}]}]")),
    (
        "F13",
        "trusted proxies",
        "termination",
        edge_pods(annotations="{proxy.istio.io/config: '{gatewayTopology: {numTrustedProxies: 1}}'}")
        + edge_policy("[{from: [{source: {remoteIpBlocks: [192.0.2.0/24]}}]}]")
        + edge_service("type: LoadBalancer, ports: [{port: 80}, {port: 443}]"),
    ),
    (
        "F14",
        "a value that does not count",
        "termination",
        settings("argocd-cmd-params-cm", "{server.disable.auth: '1'}"),
    ),
    ("F15", "another text", "termination", settings("argocd-cm", "{users.anonymous.enabled: 'True'}")),
    (
        "F16",
        "every action on one kind",
        "termination",
        settings(
            "argocd-rbac-cm", "{policy.default: role:dev, policy.csv: 'p, role:dev, applications, *, */*, allow'}"
        ),
    ),
    (
        "F16",
        "a refusal",
        "termination",
        settings("argocd-rbac-cm", "{policy.default: role:dev, policy.csv: 'p, role:dev, *, *, *, deny'}"),
    ),
    (
        "F16",
        "a strong role of others",
        "termination",
        settings("argocd-rbac-cm", "{policy.default: role:readonly, policy.csv: 'p, role:ops, *, *, *, allow'}"),
    ),
    ("F17", "no provider", "termination", settings("argocd-cm", "{dex.config: ''}")),
    ("F20", "one origin", "termination", rule("corsPolicy: {allowOrigins: [{exact: 'https://a.example.com'}]}")),
    ("F20", "a stated header", "termination", server("", "[/usr/local/bin/argocd-server, --x-frame-options=deny]")),
    ("F22", "an empty Secret", "termination", secret("argocd-secret", "{}")),
    (
        "F23",
        "another project",
        "termination",
        """
apiVersion: argoproj.io/v1alpha1
kind: AppProject
metadata: {name: shop}
spec: {sourceRepos: ['*'], destinations: [{server: '*', namespace: '*'}]}""",
    ),
    ("H02", "no attempt", "termination", rule("retries: {attempts: 0, retryOn: 5xx}")),
    ("H02", "the default conditions", "termination", rule("retries: {attempts: 2}")),
    (
        "H05",
        "no paths",
        "termination",
        edge_policy("[{to: [{operation: {methods: [GET]}}]}]")
        + settings("istio", "{mesh: 'pathNormalization: {normalization: NONE}'}").replace(
            "name: istio,", "name: istio, namespace: istio-system,"
        ),
    ),
    (
        "H06",
        "an addition",
        "termination",
        """
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: own}
spec: {configPatches: [{patch: {operation: INSERT_FIRST}}]}""",
    ),
    (
        "H06",
        "a filter of others",
        "termination",
        """
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: own, namespace: shop}
spec: {configPatches: [{patch: {operation: REPLACE}}]}""",
    ),
    (
        "I01",
        "fields of the pod",
        "termination",
        server(
            "securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}",
            pod="securityContext: {runAsNonRoot: true, seccompProfile: {type: Localhost}}",
        ),
    ),
    (
        "I01",
        "another workload",
        "termination",
        part("web", "containers: [{name: web}]").replace("part-of: argocd", "part-of: web"),
    ),
    (
        "I03",
        "another image",
        "termination",
        server("image: 'q/argocd:v9.9.9'") + part("argocd-redis", "containers: [{name: redis, image: 'redis:8'}]"),
    ),
    (
        "I03",
        "a digest",
        "termination",
        server("image: 'q/argocd:v9.9.9'")
        + part("argocd-repo-server", "containers: [{name: a, image: 'q/argocd@sha256:00'}]"),
    ),
    (
        "I06",
        "a budget",
        "termination",
        """
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: own}
spec: {selector: {matchLabels: {app.kubernetes.io/name: argocd-server}}}""",
    ),
    (
        "I08",
        "reading everything",
        "termination",
        part("argocd-repo-server", "serviceAccountName: own")
        + """
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: own, namespace: null}
rules: [{apiGroups: ['*'], resources: ['*'], verbs: [get, list, watch]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: own, namespace: null}
roleRef: {kind: ClusterRole, name: own}
subjects: [{kind: ServiceAccount, name: own, namespace: argocd}]""",
    ),
    ("I10", "a command", "termination", server("command: [argocd-server]", "[--insecure]")),
    (
        "J12",
        "a kind that the listener names",
        "termination",
        api(f"{ENDED}, allowedRoutes: {{kinds: [{{kind: HTTPRoute}}]}}"),
    ),
    ("J16", "the browser's rule", "termination", api(ENDED, "retry: {attempts: 2}, ")),
    (
        "J19",
        "no exact host",
        "termination",
        api(f"{ENDED}, allowedRoutes: {{namespaces: {{from: All}}}}").replace("hostname: cd.example.io, ", ""),
    ),
    (
        "J19",
        "a Selector",
        "termination",
        api(f"{ENDED}, allowedRoutes: {{namespaces: {{from: Selector, selector: {{matchLabels: {{a: b}}}}}}}}"),
    ),
]

UNKNOWN: list[tuple[str, str, str, Stated]] = [
    ("D01", "--gateway-labels", "", Stated()),
    ("D16", "", "", Stated()),
    ("E05", "--istio-cni", namespace(istio_injection="enabled", enforce="baseline"), Stated()),
    ("F02", "", network("[{from: [{ipBlock: {cidr: 10.0.0.0/8}}]}]"), Stated()),
    ("F13", "", edge_policy("[{from: [{source: {ipBlocks: [192.0.2.0/24]}}]}]"), Stated()),
    ("H03", "--istio-version", edge_pods(), Stated()),
    ("H04", "--istio-version", edge_pods(annotations=EDGE_CONFIG), Stated()),
    ("K11", "", server("image: 'quay.io/argoproj/argocd:latest'"), Stated()),
    ("K11", "", server("image: 'quay.io/argoproj/argocd:v9.9.9'"), Stated()),
]
