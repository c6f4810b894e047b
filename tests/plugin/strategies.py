"""Specs of an Exposure for property tests, right ones and ones with a mistake in them."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from argocd_istio.exposure.fields import MODES

hosts = st.from_regex(r"[a-z0-9]{1,6}(-[a-z0-9]{1,4})?(\.[a-z]{2,4}){1,2}", fullmatch=True)
secrets = st.from_regex(r"[a-z0-9]{1,8}(-[a-z0-9]{1,4})?(\.[a-z0-9]{1,3})?", fullmatch=True)
labels = st.dictionaries(
    st.sampled_from(["istio", "app", "app.kubernetes.io/name"]),
    st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,6}[A-Za-z0-9])?", fullmatch=True),
    min_size=1,
)
parents = st.fixed_dictionaries(
    {"name": st.sampled_from(["shared", "a.b"])},
    optional={"namespace": st.sampled_from(["edge"]), "kind": st.just("Gateway"), "sectionName": st.just("https")},
)
gateways = st.fixed_dictionaries({"className": st.sampled_from(["istio", "a.b"])}) | st.fixed_dictionaries(
    {"parent": parents}, optional={"redirectParent": parents.map(lambda parent: parent | {"sectionName": "http"})}
)
junk = st.none() | st.booleans() | st.integers() | st.text(max_size=6) | st.lists(st.text(max_size=3), max_size=2)


@st.composite
def specs(
    draw: st.DrawFn, valid: bool = True, several: bool = True, mode: str | None = None, api: bool = False
) -> dict[str, Any]:
    """A spec; with `several` up to five hosts and generator-only fields, else only fields of both ways.

    With `api` the gateway may be of the Gateway API.
    """
    names = draw(st.lists(hosts, min_size=1, max_size=5 if several else 1, unique=True))
    spec: dict[str, Any] = {"hosts": names}
    mode = mode or draw(st.sampled_from([None, *MODES]))
    if mode and (several or draw(st.booleans())):
        spec["mode"] = mode
    if draw(st.booleans()):
        spec["gateway"] = {"selector": draw(labels)}
        if draw(st.booleans()):
            spec["gateway"]["namespace"] = draw(st.sampled_from(["istio-ingress", "edge"]))
        if draw(st.booleans()):
            spec["gateway"]["existing"] = draw(st.sampled_from(["edge/shared", "a/b.c"]))
    if api and draw(st.booleans()):
        spec["gateway"] = draw(gateways)
        parent = spec["gateway"].get("parent", {})
        if len(names) > 1 and not mode and "className" not in spec["gateway"]:
            parent["sectionName"] = "https"
        if draw(st.booleans()):
            spec["gateway"]["namespace"] = "edge"
    if draw(st.booleans()):
        spec["server"] = {"service": draw(st.sampled_from(["argocd-server", "cd"])), "labels": draw(labels)}
    if draw(st.booleans()):
        spec["instance"] = draw(st.sampled_from(["two", "team-2", "1", "on"]))
    if mode != "passthrough" and draw(st.booleans()):
        spec["tls"] = {"secretName": draw(secrets)}
    if several and draw(st.booleans()):
        spec["url"] = f"https://{draw(st.sampled_from(names))}{draw(st.sampled_from(['', ':8443', ':1']))}"
    if several and mode and mode != "passthrough" and draw(st.booleans()):
        own = draw(st.dictionaries(st.sampled_from(names), secrets, min_size=1))
        spec["tls"] = {**spec.get("tls", {}), "secretNames": own}
    if not valid and draw(st.booleans()):
        spec[draw(st.sampled_from(["hosts", "url", "mode", "tls", "gateway", "host"]))] = draw(junk)
    return spec
