"""Gives each Service of type LoadBalancer an address, as a cloud does. kube-proxy serves the address."""

from __future__ import annotations

import ipaddress

from live.addresses import LOAD_BALANCER_ADDRESSES
from live.api import MERGE_PATCH, Api, ApiError, Object


def run(api: Api) -> None:
    """Watch the Services; does not return. An address is not used again after its Service is deleted."""
    free = ipaddress.ip_network(LOAD_BALANCER_ADDRESSES).hosts()
    given: dict[str, str] = {}
    for event, found in api.watch("/api/v1/services"):
        for service in found if event != "DELETED" else []:
            if service["spec"].get("type") == "LoadBalancer" and not _addresses(service):
                address = given.setdefault(service["metadata"]["uid"], "") or str(next(free))
                given[service["metadata"]["uid"]] = address
                _assign(api, service, address)


def _addresses(service: Object) -> list[Object]:
    found: list[Object] = service.get("status", {}).get("loadBalancer", {}).get("ingress", [])
    return found


def _assign(api: Api, service: Object, address: str) -> None:
    meta = service["metadata"]
    path = f"/api/v1/namespaces/{meta['namespace']}/services/{meta['name']}/status"
    # With the mode VIP, kube-proxy serves the address on the node; with Proxy it would not.
    status = {"loadBalancer": {"ingress": [{"ip": address, "ipMode": "VIP"}]}}
    try:
        api.request("PATCH", path, {"metadata": {"uid": meta["uid"]}, "status": status}, MERGE_PATCH)
    except (ApiError, OSError) as error:
        print(f"load balancer: {meta['namespace']}/{meta['name']}: {error}", flush=True)
