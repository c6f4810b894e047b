"""What a cluster has beside the objects of a file, for tools that look there: pods, the gateway, its certificates."""

from __future__ import annotations

import base64
import datetime
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.render.render import Object

GATEWAYS = "istio-system"


def around(base: Sequence[Object], objects: Sequence[Object]) -> list[Object]:
    """What runs with the objects; gateway and certificates are those of the base, where nothing is wrong yet."""
    present = {(one["kind"], one["metadata"]["name"]) for one in objects}
    found = [*_pods(objects), *_gateways(base)]
    return [one for one in found if (one["kind"], one["metadata"]["name"]) not in present]


def _pods(objects: Sequence[Object]) -> Iterator[Object]:
    """A pod of each workload, with a sidecar as the labels of namespace and pod demand."""
    spaces = {
        one["metadata"]["name"]: one["metadata"].get("labels") or {} for one in objects if one["kind"] == "Namespace"
    }
    for item in objects:
        if item["kind"] in ("Deployment", "StatefulSet", "DaemonSet"):
            template = (item.get("spec") or {}).get("template") or {}
            namespace = item["metadata"].get("namespace", "default")
            labels = (template.get("metadata") or {}).get("labels")
            spec = dict(template.get("spec") or {})
            if _injected(spaces.get(namespace, {}), labels or {}):
                proxy = {"name": "istio-proxy", "image": "istio/proxyv2"}
                spec["containers"] = [*(spec.get("containers") or ()), proxy]
            yield _item("Pod", f"{item['metadata']['name']}-0", namespace, labels, spec=spec)


def _injected(namespace: dict[str, str], pod: dict[str, str]) -> bool:
    own = str(pod.get("sidecar.istio.io/inject", "")).lower()
    wanted = namespace.get("istio-injection") == "enabled" or "istio.io/rev" in {**namespace, **pod}
    return own == "true" or (wanted and own != "false" and namespace.get("istio-injection") != "disabled")


def _gateways(objects: Sequence[Object]) -> Iterator[Object]:
    """The pods and Service of each selector, and the Secrets, in the namespace of the gateway."""
    selectors: dict[str, dict[str, str]] = {}
    for spec in (one["spec"] for one in objects if one["apiVersion"].startswith("networking.istio.io/")):
        for server in spec.get("servers") or ():
            selector = spec.get("selector") or {}
            selectors["-".join(sorted(selector.values()))] = selector
            if name := (server.get("tls") or {}).get("credentialName"):
                yield _item("Secret", name, GATEWAYS, type="kubernetes.io/tls", data=_certificate())
    yield {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": GATEWAYS}}
    for name, labels in selectors.items():
        container = {"name": "istio-proxy", "image": "istio/proxyv2"}
        yield _item("Pod", name, GATEWAYS, labels, spec={"containers": [container]})
        ports = [{"name": name, "port": port, "targetPort": port} for name, port in (("http", 80), ("https", 443))]
        yield _item("Service", name, GATEWAYS, spec={"selector": labels, "ports": ports})


def _item(kind: str, name: str, namespace: str, labels: Any = None, **more: Any) -> Object:
    metadata = {"name": name, "namespace": namespace, **({"labels": labels} if labels else {})}
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata, **more}


@cache
def _certificate() -> dict[str, str]:
    """The data of a Secret with a certificate that is valid now."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "cd.acme.io")])
    now = datetime.datetime.now(datetime.UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(now).not_valid_after(now + datetime.timedelta(days=30))
    certificate = made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return {"tls.crt": base64.b64encode(certificate).decode(), "tls.key": base64.b64encode(private).decode()}
