"""What people publish and report about Argo CD behind Istio, as inputs of our own with the same shape.

Each has the findings of `lint` beside NOTES, judged one by one: rule and object, and why that is right. A finding of a
kustomization has no object, and one of the Exposure's checks no rule.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from tests.render.test_tree import (
    CERTIFICATE,
    COMPONENT,
    EXPOSURE,
    GENERATOR,
    LITE,
    NAMESPACE,
    OWN,
    PATCH,
    SECOND,
    SPEC,
    Files,
    consumer,
    listing,
)
from tools.build import argocd_module

NOTES = {
    "A31": "in termination the CLI uses gRPC-Web, which has no streams from the client",
    "B05": "Argo CD sends no Strict-Transport-Security, and which lifetime fits is the user's choice",
    "E01": "without a mesh and without TLS to the pods the last hop is clear text",
    "F01": "upstream's NetworkPolicy admits every pod of the cluster",
    "F18": "without single sign-on the only user is admin",
    "I02": "upstream names its images by tags",
    "I05": "upstream's containers request nothing",
    "I06": "upstream's argocd-server has one replica",
}
"""The notes that are true of every new install."""


@dataclass(frozen=True)
class Stranger:
    """`files` are the input, `paths` the arguments of `lint`. `findings` are the reasons by rule and object."""

    files: Files
    findings: dict[tuple[str, str], str]
    paths: tuple[str, ...] = (".",)


def settings(**data: str) -> str:
    lines = "".join(f"  {key.replace('_', '.')}: '{value}'\n" for key, value in data.items())
    return f"""\
---
apiVersion: v1
kind: ConfigMap
metadata: {{name: argocd-cmd-params-cm, namespace: argocd, labels: {{app.kubernetes.io/part-of: argocd}}}}
data:
{lines or "  {}"}
---
apiVersion: v1
kind: ConfigMap
metadata: {{name: argocd-cm, namespace: argocd, labels: {{app.kubernetes.io/part-of: argocd}}}}
"""


STRICT = """\
        securityContext:
          allowPrivilegeEscalation: false
          capabilities: {drop: [ALL]}
          runAsNonRoot: true
          seccompProfile: {type: RuntimeDefault}
"""


def install(*args: str, name: str = "argocd-server", strict: bool = True, https: str = "https", **data: str) -> str:
    """argocd-server as upstream installs it, or as the chart does under another name, with its Service and settings."""
    words = ", ".join(("/usr/local/bin/argocd-server", *args))
    return f"""\
{settings(**data)}---
apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: argocd}}
spec:
  selector: {{app.kubernetes.io/name: argocd-server}}
  ports:
  - {{name: http, port: 80, targetPort: 8080}}
  - {{name: {https}, port: 443, targetPort: 8080}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}, namespace: argocd}}
spec:
  selector: {{matchLabels: {{app.kubernetes.io/name: argocd-server}}}}
  template:
    metadata: {{labels: {{app.kubernetes.io/name: argocd-server}}}}
    spec:
      containers:
      - name: argocd-server
        image: quay.io/argoproj/argocd:v9.9.9
        args: [{words}]
        env:
        - name: ARGOCD_SERVER_INSECURE
          valueFrom: {{configMapKeyRef: {{name: argocd-cmd-params-cm, key: server.insecure, optional: true}}}}
        ports: [{{containerPort: 8080}}]
{STRICT if strict else ""}"""


def gateway(
    hosts: str = "cd.acme.io",
    name: str = "argocd/team",
    redirect: str = "tls: {httpsRedirect: true}",
    tls: str = "mode: SIMPLE, credentialName: acme",
    version: str = "v1",
) -> str:
    namespace, _, name = name.partition("/")
    return f"""\
---
apiVersion: networking.istio.io/{version}
kind: Gateway
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  selector: {{istio: ingressgateway}}
  servers:
  - port: {{number: 80, name: http, protocol: HTTP}}
    hosts: ['{hosts}']
    {redirect}
  - port: {{number: 443, name: https, protocol: HTTPS}}
    hosts: ['{hosts}']
    tls: {{{tls}}}
"""


def routes(
    to: str, gateways: str = "argocd/team", more: str = "", version: str = "v1", hosts: str = "cd.acme.io"
) -> str:
    """A VirtualService with http routes, one destination each: `service:port`, after `>` a match."""
    listed = ""
    for each in to.split("; "):
        match, _, target = each.rpartition(" > ")
        host, _, port = target.partition(":")
        number = f", port: {{number: {port}}}" if port else ""
        listed += f"  - route: [{{destination: {{host: {host}{number}}}}}]\n"
        listed += f"    match: [{match}]\n" if match else ""
    return f"""\
---
apiVersion: networking.istio.io/{version}
kind: VirtualService
metadata: {{name: team, namespace: argocd}}
spec:
  gateways: ['{gateways}']
  hosts: ['{hosts}']
{more}  http:
{listed}"""


def rule(tls: str, host: str = "argocd-server.argocd.svc.cluster.local") -> str:
    return f"""\
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: tls, namespace: argocd}}
spec: {{host: '{host}', trafficPolicy: {{tls: {{{tls}}}}}}}
"""


API = """\
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: shared, namespace: edge}
spec:
  gatewayClassName: istio
  listeners:
  - name: https
    port: 443
    protocol: HTTPS
    hostname: cd.acme.io
    tls: {mode: Terminate, certificateRefs: [{name: acme}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: team, namespace: argocd}
spec:
  parentRefs: [{name: shared, namespace: edge}]
  hostnames: [cd.acme.io]
  rules: [{backendRefs: [{name: argocd-server, port: 80}]}]
"""
SHOP = """\
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: shop, namespace: shop}
spec:
  gateways: [edge/shop]
  hosts: [shop.acme.io]
  http: [{route: [{destination: {host: shop, port: {number: 80}}}]}]
---
apiVersion: v1
kind: Service
metadata: {name: shop, namespace: shop}
spec: {selector: {app: shop}, ports: [{name: http, port: 80}]}
"""
INJECTED = "{apiVersion: v1, kind: Namespace, metadata: {name: argocd, labels: {istio-injection: enabled}}}"
TEMPLATE = EXPOSURE.replace("old.acme.io", "'${domain}'")
LATE = {("K01", ""): "the mode has read the Exposure before: the host stays the old one"}
WIDE = "any namespace may bind a VirtualService to this host"
PART_OF = {("K04", ""): "the line that changes the label"} | {
    ("I12", f"{kind} argocd/argocd-{name}"): "Argo CD looks for it by that label"
    for kind, name in (
        ("ConfigMap", "cm"),
        ("ConfigMap", "ssh-known-hosts-cm"),
        ("ConfigMap", "tls-certs-cm"),
        ("ConfigMap", "gpg-keys-cm"),
        ("Secret", "secret"),
    )
}
RAW = f"{EXPOSURE.replace(SPEC, 'mode: grpc-routing, ' + SPEC)}"
MADE = RAW.replace("argocd}", "argocd, labels: {argocd-istio.github.io/mode: grpc-routing}}", 1)
IN_PLACE = """\
patches:
- patch: |-
    {$patch: delete, apiVersion: networking.istio.io/v1, kind: Gateway, metadata: {name: argocd, namespace: argocd}}
- target: {kind: VirtualService, name: argocd}
  patch: |-
    - {op: replace, path: /spec/gateways, value: [edge/shared]}
"""
HTTP_ALONE = """\
patches:
- target: {kind: Gateway, name: argocd}
  patch: |-
    - {op: remove, path: /spec/servers/1}
    - {op: remove, path: /spec/servers/0/tls}
"""


def two(name: str) -> Files:
    files = consumer("", exposure=EXPOSURE.replace("old.", f"{name}."))
    files["kustomization.yaml"] = f"namespace: {name}\n" + files["kustomization.yaml"]
    return {f"{name}/{file}": text for file, text in files.items()}


STRANGERS: dict[str, Stranger] = {
    "sidecars in the whole namespace": Stranger(
        consumer(f"patches: [{{patch: '{INJECTED}'}}]\n"),
        {
            (
                "F09",
                "Deployment argocd/argocd-server",
            ): "every workload of the mesh may call argocd-server past the gateway"
        },
    ),
    "high availability, host substituted by Flux": Stranger(
        listing(f"{LITE} high-availability", exposure=TEMPLATE), {}
    ),
    "host substituted by Flux": Stranger(consumer(exposure=TEMPLATE), {}),
    "url with a path": Stranger(
        {
            "kustomization.yaml": consumer()["kustomization.yaml"].replace("resources", "generators"),
            "exposure.yaml": GENERATOR.replace("{hosts", "{mode: grpc-routing, url: https://old.acme.io/argocd, hosts"),
        },
        {("", ""): "argocd-server serves / and this library sets no server.rootpath: every link is broken"},
    ),
    "host by a patch after the mode, as deployers write it": Stranger(consumer(PATCH), LATE),
    "host by a component after the mode": Stranger(
        listing(f"{LITE} host") | {"host/kustomization.yaml": COMPONENT + PATCH}, LATE
    ),
    "host of a generator by a patch": Stranger(
        {
            "kustomization.yaml": consumer(PATCH)["kustomization.yaml"].replace("resources", "generators"),
            "exposure.yaml": GENERATOR.replace("{hosts", "{mode: grpc-routing, hosts"),
        },
        LATE,
    ),
    "two installs in one cluster": Stranger(
        two("one") | two("two"),
        {
            ("K05", ""): "no file of a folder shows whether the cluster has another install",
            **{
                (
                    "K05",
                    f"ClusterRoleBinding {name}",
                ): "both folders have it, for different accounts: the last one counts"
                for name in ("argocd-application-controller", "argocd-applicationset-controller", "argocd-server")
            },
            ("C22", "Gateway two/argocd"): "one certificate for the hosts of two Gateways: browsers reuse a connection",
        },
        ("one", "two"),
    ),
    "namespace: over the gateway's certificate": Stranger(
        listing(LITE, "certificate.yaml", before="namespace: argocd\n", certificate=CERTIFICATE),
        {
            ("K06", ""): "the line that moves it",
            ("D08", "Certificate argocd/cd"): "the Secret that it makes is not where the gateway reads it",
        },
    ),
    "label part-of of the own platform": Stranger(
        consumer("labels:\n- pairs: {app.kubernetes.io/part-of: platform, team: core}\n"), PART_OF
    ),
    "common label with the name of all": Stranger(
        consumer("commonLabels: {app.kubernetes.io/name: argocd}\n"),
        {
            ("K04", ""): "the line that reaches selectors",
            ("F24", "VirtualService argocd/argocd"): "both Services select every pod of Argo CD now",
        },
    ),
    "TLS to argocd-server without a CA, wildcard gateway of the platform": Stranger(
        {
            "all.yaml": install()
            + gateway("*.acme.io", "edge/team")
            + routes("{uri: {prefix: /}} > argocd-server:443", "edge/team")
            + rule("mode: SIMPLE")
        },
        {
            ("A28", "DestinationRule argocd/tls"): "argocd-server signs its own certificate: the gateway answers 503",
            ("C27", "Gateway edge/team"): WIDE,
        },
    ),
    "ISTIO_MUTUAL to pods outside the mesh": Stranger(
        {"all.yaml": install() + gateway() + routes("argocd-server:443") + rule("mode: ISTIO_MUTUAL")},
        {
            ("A29", "DestinationRule argocd/tls"): "argocd-server's certificate is not of the mesh: 503",
            ("C03", "Gateway argocd/team"): WIDE,
        },
    ),
    "VirtualService visible in its own namespace only": Stranger(
        {
            "all.yaml": install(server_insecure="true")
            + gateway()
            + routes("argocd-server.argocd.svc.cluster.local:80", more="  exportTo: ['.']\n")
        },
        {
            (
                "D06",
                "VirtualService argocd/team",
            ): "a warning, since these files do not show where the gateway's pods are",
            ("C03", "Gateway argocd/team"): WIDE,
        },
    ),
    "the CLI's user agent to a port named https, names of the chart": Stranger(
        {
            "all.yaml": install(name="cd-argocd-server", strict=False, server_insecure="true")
            + gateway("*.acme.io", "edge/team")
            + routes(
                "{headers: {user-agent: {prefix: argocd-client}}} > cd-argocd-server:443; cd-argocd-server:80",
                "edge/team",
            )
        },
        {
            ("A14", "VirtualService argocd/team"): "https is HTTP/1.1 to Istio, which native gRPC does not pass",
            ("C27", "Gateway edge/team"): WIDE,
            ("I01", "Deployment argocd/cd-argocd-server"): "this container has no securityContext; upstream's has one",
        },
    ),
    "HTTPRoute by a Gateway of another namespace, beside a shop on Istio's": Stranger(
        {
            "all.yaml": install(name="cd-argocd-server", server_insecure="true")
            + API
            + SHOP
            + gateway("shop.acme.io", "edge/shop")
        },
        {
            ("J07", "Gateway edge/shared"): "a listener admits routes of its own namespace only, unless it says so",
            ("H07", ""): "so nothing leads to Argo CD; the shop's host is not judged",
        },
    ),
    "Gateway API alone": Stranger(
        {"all.yaml": install() + API},
        {
            ("J07", "Gateway edge/shared"): "a listener admits routes of its own namespace only, unless it says so",
            ("H07", ""): "so nothing leads to Argo CD",
        },
    ),
    "DestinationRule for every Service of the namespace": Stranger(
        {
            "all.yaml": install(server_insecure="true")
            + gateway()
            + routes("argocd-server:443")
            + rule("mode: SIMPLE, insecureSkipVerify: true", "*.argocd.svc.cluster.local")
        },
        {
            ("A03", "ConfigMap argocd/argocd-cmd-params-cm"): "it counts for argocd-server: TLS to plain HTTP, 503",
            ("A04", "DestinationRule argocd/tls"): "insecureSkipVerify checks nothing",
            ("C03", "Gateway argocd/team"): WIDE,
        },
    ),
    "old Gateway left beside the new one": Stranger(
        listing(
            LITE,
            "old.yaml",
            old=(gateway("old.acme.io", version="v1beta1") + routes("argocd-server:80", version="v1beta1"))
            .removeprefix("---\n")
            .replace("cd.acme.io", "old.acme.io"),
        ),
        {
            ("C19", "Gateway argocd/team"): "two certificates for one host and port: Istio skips one server",
            ("C03", "Gateway argocd/team"): WIDE,
            ("D18", "Gateway argocd/team"): "v1beta1 works, and will go",
            ("D18", "VirtualService argocd/team"): "v1beta1 works, and will go",
        },
    ),
    "gateway named as name.namespace": Stranger(
        {"all.yaml": install(server_insecure="true") + gateway() + routes("argocd-server:80", "team.argocd")},
        {("C03", "Gateway argocd/team"): WIDE},
    ),
    "gateway of somebody else, TLS to argocd-server without a CA": Stranger(
        {"all.yaml": install() + routes("argocd-server:443", "edge/external") + rule("mode: SIMPLE")},
        {
            ("A28", "DestinationRule argocd/tls"): "argocd-server signs its own certificate: the gateway answers 503",
            ("C28", "VirtualService argocd/team"): "a note for the owner of that Gateway",
        },
    ),
    "own Namespace listed": Stranger(
        listing(LITE, "namespace.yaml", namespace=NAMESPACE), {("K10", ""): "the mode brings it: the build fails"}
    ),
    "upstream's install listed": Stranger(
        listing(LITE, "upstream.yaml", before="namespace: argocd\n", upstream=install().removeprefix("---\n")),
        {("K10", ""): "the mode brings it: the build fails"},
    ),
    "parts of this library beside the chart": Stranger(
        {
            "kustomization.yaml": "resources: [exposure.yaml, LIB/base/istio]\ncomponents: [LIB/components/exposure]\n",
            "exposure.yaml": EXPOSURE,
        },
        {
            ("C04", "VirtualService argocd/argocd"): "only the VirtualService got the host, not the Gateway",
            ("K09", ""): "no mode reads the Exposure",
        },
    ),
    "two Exposures in two files": Stranger(
        listing(LITE, "two.yaml", two=SECOND), {("K09", ""): "a mode reads one: the build fails"}
    ),
    "two Exposures in one file": Stranger(
        consumer(exposure=f"{EXPOSURE}---\n{SECOND}"), {("K09", ""): "a mode reads one: the build fails"}
    ),
    "shared Gateway by patches": Stranger(
        consumer(IN_PLACE), {("C28", "VirtualService argocd/argocd"): "a note for the owner of that Gateway"}
    ),
    "TLS ended before the gateway, by patches": Stranger(
        consumer(HTTP_ALONE),
        {("B01", "Gateway argocd/argocd"): "no file shows the balancer; the fix names the option that states it"},
    ),
    "a directive before the Exposure": Stranger(
        consumer(exposure=f"%YAML 1.2\n---\n{EXPOSURE}"), {("", ""): "kustomize refuses it: the build fails"}
    ),
    "an object beside the generator": Stranger(
        {
            "kustomization.yaml": consumer()["kustomization.yaml"].replace("resources", "generators"),
            "exposure.yaml": f"{GENERATOR.replace('{hosts', '{mode: grpc-routing, hosts')}---\n{OWN}",
        },
        {("K12", ""): "kustomize takes the file for a plugin's: the build fails"},
    ),
    "pods of the gateway in another namespace": Stranger(
        consumer(exposure=EXPOSURE.replace("gateway: {", "gateway: {namespace: edge, ")), {}
    ),
    "a port in the host": Stranger(
        consumer(exposure=EXPOSURE.replace("[old.acme.io]", "['old.acme.io:8443']")),
        {
            ("", ""): "the Exposure's own check",
            ("C14", "Gateway argocd/argocd"): "Istio refuses a port in a host",
        },
    ),
    "mode of another component": Stranger(
        consumer(exposure=EXPOSURE.replace("{hosts", "{mode: termination, hosts")),
        {
            ("K13", ""): "spec.mode and the component differ",
            ("", ""): "a note: the build does not compare them for a plain Exposure",
        },
    ),
    "generated Exposure not generated again": Stranger(
        consumer(exposure=MADE)
        | {"generator.yaml": GENERATOR.replace("{hosts", "{mode: grpc-routing, hosts").replace("old.", "new.")},
        {
            ("K14", ""): "generator.yaml has another host",
            ("", ""): "the newer generator also writes gateway.namespace and gateway.serviceAccount",
        },
    ),
    "an Exposure alone": Stranger({"exposure.yaml": EXPOSURE}, {}),
}

OLD = {
    ("C03", "Gateway argocd/team"): WIDE,
    ("D18", "Gateway argocd/team"): "v1beta1 works, and will go",
    ("D18", "VirtualService argocd/team"): "v1beta1 works, and will go",
}
ARTICLE: dict[str, Stranger] = {
    "the article: TLS passes through": Stranger(
        {
            "all.yaml": install()
            + gateway(redirect="name: plain", tls="mode: PASSTHROUGH", version="v1beta1")
            + routes("argocd-server", version="v1beta1")
            + "  tls:\n  - match: [{port: 443, sniHosts: [cd.acme.io]}]\n"
            + "    route: [{destination: {host: argocd-server}}]\n"
        },
        OLD | {("D15", "Deployment argocd/argocd-server"): "its certificate is not in these files"},
    ),
    "the article: TLS ends at the gateway": Stranger(
        {"all.yaml": install("--insecure") + gateway(version="v1beta1") + routes("argocd-server", version="v1beta1")},
        OLD,
    ),
    "the article: TLS ends at the gateway, the CLI by its user agent": Stranger(
        {
            "all.yaml": install("--insecure", https="grpc")
            + gateway(version="v1beta1")
            + routes(
                "{headers: {user-agent: {prefix: argocd-client}}} > argocd-server:443; argocd-server:80",
                version="v1beta1",
            )
        },
        OLD | {("A16", "VirtualService argocd/team"): "argocd --grpc-web has that user agent too, and fails"},
    ),
}
"""The three modes of the article that this library began with."""


def upstream_example() -> Files:
    """The files of Istio's section in upstream's manual, with the install that it names."""
    manual = (argocd_module() / "docs/operator-manual/ingress.md").read_text()
    section = re.split(r"^## ", manual.partition("\n## [Istio]")[2], flags=re.MULTILINE)[0]
    names = ("cd/kustomization.yaml", "cd/patch.yml", "istio.yaml")
    files = dict(zip(names, re.findall(r"^```yaml\n(.*?)^```", section, re.DOTALL | re.MULTILINE), strict=True))
    files["cd/kustomization.yaml"] += "namespace: argocd\n"  # The command that applies it has -n argocd.
    return files | {"cd/install.yaml": (argocd_module() / "manifests/install.yaml").read_text()}


UPSTREAM = {
    "the example in upstream's manual": Stranger(
        {},
        {
            ("C01", "Gateway argocd/argocd-gateway"): "the host * takes every other application's requests",
            ("C03", "Gateway argocd/argocd-gateway"): WIDE,
            ("A25", "Gateway argocd/argocd-gateway"): "six of its cipher suites have no forward secrecy, or use CBC",
            ("G07", "VirtualService argocd/argocd-virtualservice"): "/argocd also takes /argocd-other",
            ("F21", "Deployment argocd/argocd-server"): "0 removes the limit of simultaneous logins",
            ("D18", "Gateway argocd/argocd-gateway"): "v1alpha3 works, and will go",
            ("D18", "VirtualService argocd/argocd-virtualservice"): "v1alpha3 works, and will go",
        },
        ("cd", "istio.yaml"),
    )
}

MENDED = (
    ("a port in the host", "G02", "it compared the port too; C14 is enough"),
    ("the article: TLS passes through", "A02", "argocd-server's redirect leads to TLS that passes through: no loop"),
    ("the article: TLS passes through", "B01", "argocd-server answers clear text with that redirect alone"),
    ("the example in upstream's manual", "K09", "lint reads kustomizations without this library, too"),
)
"""What was wrong when the shapes were first read: shape, rule, and why."""


def table() -> str:
    """The findings and their reasons, as Markdown."""
    shapes = STRANGERS | ARTICLE | UPSTREAM
    number = sum(len(one.findings) for one in shapes.values())
    lines = [
        "# Findings on strangers' shapes",
        "",
        "`make check` compares this table with what `argocd-istio lint` finds; `UPDATE_GOLDEN=1` rewrites it.",
        "",
        "The shapes are our own inputs in the form of what people publish and report, of an article's three modes, and "
        f"of the example in upstream's manual. {len(shapes)} shapes have {number} findings. Each was judged by hand: "
        "all are right.",
        "",
        "| Shape | Rule | Object | Why it is right |",
        "| --- | --- | --- | --- |",
    ]
    for name, one in shapes.items():
        shown = name
        for (rule, item), why in one.findings.items() or [(("nothing", ""), "nothing is wrong")]:
            lines.append(f"| {shown} | {rule or 'of the Exposure'} | {item} | {why} |")
            shown = ""
    lines += ["", "Notes that are true of every new install are not repeated:", "", "| Rule | Why |", "| --- | --- |"]
    lines += [f"| {rule} | {why} |" for rule, why in NOTES.items()]
    lines += ["", "These were wrong when the shapes were first read, and the rules were changed:", ""]
    lines += ["| Shape | Rule | Why it was wrong |", "| --- | --- | --- |"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in MENDED)]) + "\n"
