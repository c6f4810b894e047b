"""Retries, limits and filters of the gateway."""

from __future__ import annotations

from collections.abc import Iterator

from argocd_istio.lint.rule import Fault, Rule, Unchecked
from argocd_istio.lint.rules.binding import edges
from argocd_istio.render.istio import ROOT
from argocd_istio.render.model import Facts, Route, Stated
from argocd_istio.render.objects import Place

_AFTER_SENDING = ("5xx", "gateway-error", "reset", "retriable-4xx", "retriable-status-codes")
_EDGE, _SINCE = "EDGE", (1, 31)
_VERSION = "--istio-version"
_WEAK = ("NONE", "BASE")


def retries_writes(route: Route) -> str:
    """The condition by which the gateway repeats a call that argocd-server may have served; empty if there is none."""
    words = [each.strip() for each in route.retry_on.split(",")]
    risky = (each for each in words if each in _AFTER_SENDING or (each.isascii() and each.isdigit()))
    return next(risky, "") if route.attempts else ""


def _retries(facts: Facts) -> Iterator[Fault]:
    for _, route in facts.routes():
        condition = retries_writes(route)
        grpc = route.kind != "VirtualService" and route.grpc
        if condition and not grpc and any(each.to_argocd_server and each.speaks for each in route.destinations):
            message = f"the gateway repeats calls after {condition}: a Sync or a Create may run twice"
            place = route.place.at("retries").at("retryOn")
            yield Fault(route, place, message, "remove retries, or set attempts: 0")


def _profiles(facts: Facts) -> Iterator[tuple[str, Place, bool]]:
    """The profile of each gateway in the files, its place, and whether it is stated."""
    mesh = facts.edges.mesh
    for _, edge in edges(facts):
        profile, place = edge.profile, edge.place
        if not profile and mesh and mesh.profile:
            profile, place = mesh.profile, mesh.place
        if place:
            yield profile, place, bool(edge.profile or (mesh and mesh.profile))


def _no_limits(facts: Facts) -> Iterator[Fault | Unchecked]:
    for profile, place, _ in _profiles(facts):
        if profile == _EDGE:
            continue
        if not facts.stated.istio_version:
            yield Unchecked(_VERSION, "whether Istio knows limits for a gateway at the edge")
        elif facts.stated.istio_version >= _SINCE:
            message = "the gateway has no limits for untrusted clients: buffers, streams and header names are unlimited"
            fix = "annotate its pods proxy.istio.io/config: '{connectionSettings: {profile: EDGE}}'"
            yield Fault(None, place, message, fix)


def _unknown_profile(facts: Facts) -> Iterator[Fault | Unchecked]:
    for profile, place, _ in _profiles(facts):
        if profile != _EDGE:
            continue
        if not facts.stated.istio_version:
            yield Unchecked(_VERSION, "whether Istio knows the profile EDGE")
        elif facts.stated.istio_version < _SINCE:
            message = "Istio knows connectionSettings only from 1.31 on: the gateway has none of these limits"
            yield Fault(None, place, message, "upgrade Istio, or set the limits by an EnvoyFilter")


def _weak_paths(facts: Facts) -> Iterator[Fault]:
    mesh = facts.edges.mesh
    if not mesh or mesh.normalization not in _WEAK:
        return
    for _, edge in edges(facts):
        for policy in edge.policies:
            if policy.paths:
                message = f"AuthorizationPolicy {policy.title} compares paths, but the mesh normalizes them by "
                message += f"{mesh.normalization}: //api passes a rule for /api"
                yield Fault(None, policy.place, message, "set pathNormalization: {normalization: MERGE_SLASHES}")


def _filters(facts: Facts) -> Iterator[Fault]:
    spaces = {listener.namespace for listener, _ in edges(facts)} | facts.homes | {ROOT}
    for each in facts.edges.filters:
        if each.title.partition("/")[0] in spaces:
            message = (
                f"EnvoyFilter {each.title} has {each.operation} without a priority: its effect depends on the order "
            )
            yield Fault(None, each.place, f"{message}of others", "state spec.priority")


_ROUTE = """
            apiVersion: networking.istio.io/v1
            kind: VirtualService
            metadata: {name: argocd}
            spec:
              http:
              - route:
                - destination: {host: argocd-server.argocd.svc.cluster.local, port: {number: 80}}
                retries: {attempts: 3, retryOn: """
_POD = """
            apiVersion: apps/v1
            kind: Deployment
            metadata: {name: istio-ingressgateway, namespace: istio-system}
            spec:
              template:
                metadata:
                  labels: {istio: ingressgateway}
                  annotations: {proxy.istio.io/config: '"""
_END = """'}
                spec: {containers: [{name: istio-proxy}]}"""
_PROFILE = "{connectionSettings: {profile: EDGE}}"
_MESH = """
            apiVersion: security.istio.io/v1
            kind: AuthorizationPolicy
            metadata: {name: edge, namespace: istio-system}
            spec:
              selector: {matchLabels: {istio: ingressgateway}}
              action: DENY
              rules: [{to: [{operation: {paths: [/api/webhook]}}]}]
            ---
            apiVersion: v1
            kind: ConfigMap
            metadata: {name: istio, namespace: istio-system}
            data: {mesh: 'pathNormalization: {normalization: """
_FILTER = """
            apiVersion: networking.istio.io/v1alpha3
            kind: EnvoyFilter
            metadata: {name: edge, namespace: istio-system}
            spec:
              configPatches:
              - applyTo: HTTP_FILTER
                patch: {operation: INSERT_BEFORE, value: {name: own}}"""
_CONNECTIONS = "pilot/pkg/networking/core/connection_settings.go of Istio"

RULES = (
    Rule(
        "H02",
        "retries-of-writes",
        "warning",
        _retries,
        effect="A Sync or a Create runs twice.",
        decided="A route to argocd-server retries after conditions that do not exclude that the call was served, such "
        "as 5xx, gateway-error, reset or a status code. Of gRPC rules of the Gateway API it is J16.",
        wrong=f"{_ROUTE}'5xx,reset'}}",
        right=f"{_ROUTE}'connect-failure,refused-stream'}}",
        source="pilot/pkg/networking/core/route/retry/retry.go of Istio; retry policies of Envoy",
    ),
    Rule(
        "H03",
        "no-limits-at-the-edge",
        "info",
        _no_limits,
        effect="A client can make the gateway buffer and open more than it should.",
        decided="The gateway's workload is in the files, neither it nor the mesh states the profile EDGE, and "
        "--istio-version is 1.31 or newer.",
        wrong=f"{_POD}{{concurrency: 2}}{_END}",
        right=f"{_POD}{_PROFILE}{_END}",
        stated=Stated(istio_version=(1, 31)),
        source=f"applyEdgeProfileDefaults in {_CONNECTIONS}",
        advice=True,
    ),
    Rule(
        "H04",
        "profile-of-newer-istio",
        "error",
        _unknown_profile,
        effect="The gateway has none of the limits that its settings promise.",
        decided="The profile EDGE is stated, and --istio-version is older than 1.31.",
        wrong=f"{_POD}{_PROFILE}{_END}",
        right=f"{_POD}{{concurrency: 2}}{_END}",
        stated=Stated(istio_version=(1, 30)),
        source=f"applyEdgeProfileDefaults in {_CONNECTIONS}, which 1.30 does not have",
    ),
    Rule(
        "H05",
        "paths-without-normalization",
        "warning",
        _weak_paths,
        effect="A path with two slashes passes a rule for the path with one.",
        decided="A policy of the gateway compares paths, and the mesh's ConfigMap in the files states normalization "
        "NONE or BASE. Without that statement it is not judged.",
        wrong=f"{_MESH}BASE}}'}}",
        right=f"{_MESH}MERGE_SLASHES}}'}}",
        source="ProxyPathNormalization in mesh/v1alpha1/config.proto of Istio's API",
        advice=True,
    ),
    Rule(
        "H06",
        "filter-without-priority",
        "warning",
        _filters,
        effect="An upgrade or another filter changes what this one does.",
        decided="An EnvoyFilter in the namespace of the gateway, of Argo CD or istio-system has a relative operation "
        "and no priority.",
        wrong=_FILTER,
        right=f"{_FILTER}\n              priority: 10",
        source="pkg/config/analysis/analyzers/envoyfilter of Istio",
        istioctl="IST0151",
        advice=True,
    ),
)
