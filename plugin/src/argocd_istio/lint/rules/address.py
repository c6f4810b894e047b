"""Argo CD's own address, and single sign-on, which is built from it."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from argocd_istio.lint.rule import Fault, Mend, Rule, named_few
from argocd_istio.lint.rules.certificates import covers, named
from argocd_istio.render.model import Config, Facts


def _hosts(facts: Facts) -> dict[str, list[str]]:
    """The hosts that lead browsers to the argocd-server of each namespace. Many ways share the same routes."""
    homes: dict[int, set[str]] = {}
    found: dict[str, dict[str, None]] = {}
    for way, listener in facts.listeners():
        if id(listener.routes) not in homes:
            routes = [route for route in listener.routes if route.kind != "GRPCRoute" and route.grpc != "only"]
            pods = (pods for route in routes for each in route.destinations for pods in each.pods.argocd_servers)
            homes[id(listener.routes)] = {each.name.partition("/")[0] for each in pods}
        for namespace in homes[id(listener.routes)]:
            found.setdefault(namespace, {}).update(dict.fromkeys(way.hosts))
    return {namespace: list(hosts) for namespace, hosts in found.items()}


def _settings(facts: Facts) -> Iterator[Config]:
    return (each for each in facts.install.configs if each.place.object.name == "argocd-cm")


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _no_url(facts: Facts) -> Iterator[Fault]:
    for config in _settings(facts):
        if config.logins and not config.url:
            kinds = " and ".join(sorted({f"{each.kind}.config" for each in config.logins}))
            hosts = [host for host in _hosts(facts).get(config.namespace, []) if "*" not in host]
            message = f"{config.place.object} has {kinds} and no url: single sign-on does not work"
            fix = f"set url: https://{hosts[0]}" if hosts else "set url to the address of Argo CD"
            yield Fault(None, config.place.at("data"), message, fix)


def _other_host(facts: Facts) -> Iterator[Fault]:
    hosts = _hosts(facts) if any(each.url for each in _settings(facts)) else {}
    for config in _settings(facts):
        host = _host(config.url)
        known = named(hosts.get(config.namespace, []))
        if host and known and not any(each == "*" or covers(each, host) for each in known):
            message = (
                f"url names {host}, and {named_few(known)} leads to Argo CD: "
                "browsers cannot use single sign-on, and links lead elsewhere"
            )
            yield Fault(None, config.place.at("data", "url"), message, "name the same host in both")


def _no_https(facts: Facts) -> Iterator[Fault]:
    for config in _settings(facts):
        scheme = config.url.partition("://")[0].lower() if "://" in config.url else ""
        if config.url and scheme != "https":
            what = f"has the scheme {scheme}" if scheme else "has no scheme"
            message = f"url {what}: browsers cannot use single sign-on, and links leave TLS"
            right = f"https://{config.url.rpartition('://')[2]}"
            mend = Mend.at(config.place, "data", "url", value=right)
            yield Fault(None, config.place.at("data", "url"), message, f"set url: {right}", mends=(mend,))
        elif config.url:
            yield from _other_port(facts, config)


def _other_port(facts: Facts, config: Config) -> Iterator[Fault]:
    """A port that no gateway of the host serves. Something before the gateway may serve it, if that is not here."""
    host, port = _host(config.url), _port(config.url)
    listeners = [listener for way, listener in facts.listeners() if host in way.hosts and way.to_argocd_server]
    if not port or not listeners or port in {each.port for each in listeners}:
        return
    if any(each.tls_before or not each.here for each in listeners):
        return
    edges = [facts.edges.of.get((each.namespace, each.selector)) for each in listeners]
    known = all(edge and edge.services for edge in edges)
    if known and any(edge and port in edge.served for edge in edges):
        return
    ports = ", ".join(map(str, sorted({each.port for each in listeners})))
    message = f"url names port {port}, but the gateway serves {ports}: single sign-on and links lead to a port that "
    message += "does not answer" if known else "does not answer, unless something before the gateway maps it"
    yield Fault(None, config.place.at("data", "url"), message, "leave the port out", None if known else "warning")


def _port(url: str) -> int:
    try:
        return urlsplit(url).port or 0
    except ValueError:
        return 0


def _more_hosts(facts: Facts) -> Iterator[Fault]:
    hosts = _hosts(facts) if any(each.logins for each in _settings(facts)) else {}
    for config in _settings(facts):
        stated = {_host(each) for each in (config.url, *config.more)}
        lost = [each for each in hosts.get(config.namespace, []) if "*" not in each and each not in stated]
        # Of one host alone, another rule reports that url names a different one.
        if config.logins and config.url and lost and _host(config.url) in hosts[config.namespace]:
            message = f"url and additionalUrls do not name {named_few(lost)}: browsers cannot use single sign-on there"
            lines = ", ".join(f"https://{each}" for each in lost[:3])
            yield Fault(None, config.place.at("data", "url"), message, f"set additionalUrls: [{lines}]")


def _replaced(facts: Facts) -> Iterator[Fault]:
    for config in _settings(facts):
        wanted = f"{config.url.rstrip('/')}/api/dex/callback"
        for login in config.logins:
            if login.redirect and config.url and login.redirect != wanted:
                message = f"redirectURI of connector {login.name} is not {wanted}, which Argo CD uses instead"
                fix = "remove it, and register that address with the provider"
                yield Fault(None, config.place.at("data", "dex.config"), message, fix)


def _literal(facts: Facts) -> Iterator[Fault]:
    for config in _settings(facts):
        for login in config.logins:
            for name in login.literal:
                what = "client" if name == "secret" else "connector"
                whose = f"{login.kind}.config" + (f" of {what} {login.name}" if login.kind == "dex" else "")
                message = f"{name} in {whose} is a literal: everybody who reads the ConfigMap or the repository has it"
                fix = f"write ${login.kind}.{login.name or 'provider'}.{name}, and that key in Secret argocd-secret"
                yield Fault(None, config.place.at("data", f"{login.kind}.config"), message, fix)


def _example(url: str, *more: str) -> str:
    lines = [
        "            kind: ConfigMap",
        "            apiVersion: v1",
        "            metadata: {name: argocd-cm, labels: {app.kubernetes.io/part-of: argocd}}",
        "            data:",
        *([f"              url: {url}"] if url else []),
        *more,
    ]
    return "\n".join(lines)


_OIDC = (
    "              oidc.config: |",
    "                name: Login",
    "                issuer: https://login.example.com",
    "                clientID: argo-cd",
    "                clientSecret: $oidc.login.clientSecret",
)
_DEX = (
    "              dex.config: |",
    "                connectors:",
    "                - type: github",
    "                  id: github",
    "                  config: {{clientID: a, clientSecret: $dex.github.clientSecret, redirectURI: {0}}}",
)


def _connector(redirect: str) -> str:
    return _example(_URL, *_DEX[:-1], _DEX[-1].format(redirect))


_URL = "https://argocd.example.com"
_SETTINGS = "util/settings/settings.go of Argo CD"
_TWO = """
            ---
            kind: Gateway
            metadata: {name: argocd}
            spec:
              servers:
              - port: {number: 80, name: http, protocol: HTTP}
                hosts: [./argocd.example.com, ./cd.example.com]
                tls: {httpsRedirect: true}
              - port: {number: 443, name: https, protocol: HTTPS}
                hosts: [./argocd.example.com, ./cd.example.com]
                tls: {mode: SIMPLE, credentialName: argocd-certificate}
            ---
            kind: VirtualService
            metadata: {name: argocd}
            spec: {hosts: [argocd.example.com, cd.example.com]}
"""


RULES = (
    Rule(
        "G01",
        "login-without-url",
        "error",
        _no_url,
        effect="With dex.config the login page has no button. With oidc.config the button leads to 400 Invalid "
        "redirect URL, and only the CLI can log in.",
        decided="argocd-cm has dex.config or oidc.config, and no url.",
        source=f"IsDexConfigured in {_SETTINGS}, isValidRedirectURL in util/oidc/oidc.go",
        wrong=_example("", *_OIDC),
        right=_example(_URL, *_OIDC),
    ),
    Rule(
        "G02",
        "url-of-another-host",
        "error",
        _other_host,
        effect="The button for single sign-on leads to 400 Invalid redirect URL, and links in notifications lead to "
        "the other host. The CLI can log in.",
        decided="The host of url in argocd-cm is none of the hosts that lead to the argocd-server of its namespace.",
        source="isValidRedirectURL in util/oidc/oidc.go of Argo CD",
        wrong=_example("https://argo.example.com"),
        right=_example(_URL),
    ),
    Rule(
        "G03",
        "url-without-https",
        "error",
        _no_https,
        effect="The button for single sign-on leads to 400 Invalid redirect URL, because the page has https; links in "
        "notifications are clear text. The CLI can log in.",
        decided="url in argocd-cm does not begin with https://. Its port is not judged: a balancer may map it.",
        source="isValidRedirectURL in util/oidc/oidc.go of Argo CD",
        wrong=_example("http://argocd.example.com"),
        right=_example(_URL),
    ),
    Rule(
        "G04",
        "host-without-additional-url",
        "warning",
        _more_hosts,
        effect="On that host the button for single sign-on leads to 400 Invalid redirect URL. It is a warning, because "
        "the CLI can log in there.",
        decided="Single sign-on is configured, and a host that leads to Argo CD is neither in url nor in "
        "additionalUrls.",
        source="isValidRedirectURL in util/oidc/oidc.go of Argo CD",
        wrong=_example(_URL, *_OIDC) + _TWO,
        right=_example(_URL, "              additionalUrls: '[https://cd.example.com]'", *_OIDC) + _TWO,
    ),
    Rule(
        "G05",
        "replaced-redirect-uri",
        "info",
        _replaced,
        effect="None in Argo CD, which writes redirectURI and issuer itself; but the provider needs the real address.",
        decided="A connector in dex.config has another redirectURI than url with /api/dex/callback. The catalogue "
        "calls it an error; Argo CD replaces the value.",
        source="GenerateDexConfigYAML in util/dex/config.go of Argo CD",
        wrong=_connector("https://cd.example.com/api/dex/callback"),
        right=_connector(f"{_URL}/api/dex/callback"),
    ),
    Rule(
        "G09",
        "secret-in-configmap",
        "error",
        _literal,
        effect="Everybody who reads the repository or the ConfigMap can pose as Argo CD at the login provider.",
        decided="clientSecret or bindPW in oidc.config or in a connector of dex.config does not begin with $.",
        source=f"ReplaceMapSecrets in {_SETTINGS}",
        covers=("G12",),
        wrong=_example(_URL, *_OIDC).replace("$oidc.login.clientSecret", "correct-horse-battery"),
        right=_example(_URL, *_OIDC),
    ),
)
