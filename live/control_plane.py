"""Starts the programs that are not pods: etcd, the Kubernetes control plane, kube-proxy and istiod."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

from live import injection
from live.addresses import (
    API_PORT,
    API_SERVICE_ADDRESS,
    GATEWAY_NAMESPACE,
    NODE_ADDRESS,
    NODE_NAME,
    SERVICE_ADDRESSES,
)
from live.api import Api
from live.errors import LiveError
from live.pki import Authority, signing_key

CONTROLLERS = (
    "deployment-controller",
    "replicaset-controller",
    "statefulset-controller",
    "job-controller",
    "ttl-after-finished-controller",
    "disruption-controller",
    "endpointslice-controller",
    "serviceaccount-controller",
    "root-ca-certificate-publisher-controller",
    "garbage-collector-controller",
    "namespace-controller",
)

# One line per request or connection, so that tests can check which upstream served it.
ACCESS_LOG = {
    "start": "%START_TIME%",
    "protocol": "%PROTOCOL%",
    "method": "%REQ(:METHOD)%",
    "path": "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%",
    "authority": "%REQ(:AUTHORITY)%",
    "user_agent": "%REQ(USER-AGENT)%",
    "content_type": "%REQ(CONTENT-TYPE)%",
    "response_code": "%RESPONSE_CODE%",
    "response_flags": "%RESPONSE_FLAGS%",
    "response_details": "%RESPONSE_CODE_DETAILS%",
    "grpc_status": "%GRPC_STATUS_NUMBER%",
    "route_name": "%ROUTE_NAME%",
    "upstream_cluster": "%UPSTREAM_CLUSTER_RAW%",
    "upstream_host": "%UPSTREAM_HOST%",
    "upstream_protocol": "%UPSTREAM_PROTOCOL%",
    "attempts": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
    "sni": "%REQUESTED_SERVER_NAME%",
    "listener": "%DOWNSTREAM_LOCAL_ADDRESS%",
    "client": "%DOWNSTREAM_REMOTE_ADDRESS%",
    "tls_version": "%DOWNSTREAM_TLS_VERSION%",
    "bytes_received": "%BYTES_RECEIVED%",
    "bytes_sent": "%BYTES_SENT%",
    "duration": "%DURATION%",
}


class ControlPlane:
    """Starts the programs, each with its own log in `state`/log."""

    def __init__(self, state: Path, programs: dict[str, Path], token: str) -> None:
        self._state, self._programs, self._token = state, programs, token
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._log = state / "log"
        self._log.mkdir()
        self.authority = Authority.create(state / "cluster-ca", "live cluster CA")
        self.kubeconfig = state / "kubeconfig"
        self.api = Api(self.authority.certificate, token)

    def _start(self, name: str, *args: str, env: dict[str, str] | None = None) -> None:
        # A clean environment: variables of the user's shell must not configure the cluster.
        with (self._log / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                [str(self._programs[name]), *args],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self._state,
                env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(self._state), **(env or {})},
            )

    def check(self) -> None:
        """Raise LiveError if a program has ended."""
        for name, process in self._running.items():
            code = process.poll()
            if code is not None:
                log = self._log / f"{name}.log"
                last = log.read_text(errors="replace").strip().splitlines()[-1:] or ["no output"]
                raise LiveError(f"{name} ended with exit code {code}: {last[0]} (see {log})")

    def start_kubernetes(self) -> None:
        """Start etcd, the API server and the controllers; returns when the API server is ready. Raises LiveError."""
        secrets = self._state / "control-plane"
        secrets.mkdir()
        self._start(
            "etcd",
            f"--data-dir={self._state / 'etcd'}",
            "--listen-client-urls=http://127.0.0.1:2379",
            "--advertise-client-urls=http://127.0.0.1:2379",
            "--listen-peer-urls=http://127.0.0.1:2380",
            "--unsafe-no-fsync",  # its data is deleted with the cluster
            "--log-level=warn",
        )
        (secrets / "service-account.key").write_bytes(signing_key())
        (secrets / "tokens.csv").write_text(f'{self._token},admin,admin,"system:masters"\n')
        certificate, key = self.authority.issue(
            "kube-apiserver",
            [
                "kubernetes.default.svc",
                "kubernetes.default",
                "localhost",
                NODE_ADDRESS,
                API_SERVICE_ADDRESS,
                "127.0.0.1",
            ],
        )
        (secrets / "apiserver.crt").write_bytes(certificate)
        (secrets / "apiserver.key").write_bytes(key)
        self._write_kubeconfig()
        self._start(
            "kube-apiserver",
            "--etcd-servers=http://127.0.0.1:2379",
            f"--secure-port={API_PORT}",
            f"--advertise-address={NODE_ADDRESS}",
            f"--service-cluster-ip-range={SERVICE_ADDRESSES}",
            f"--cert-dir={secrets}",
            f"--tls-cert-file={secrets / 'apiserver.crt'}",
            f"--tls-private-key-file={secrets / 'apiserver.key'}",
            f"--kubelet-client-certificate={secrets / 'apiserver.crt'}",
            f"--kubelet-client-key={secrets / 'apiserver.key'}",
            f"--kubelet-certificate-authority={self.authority.certificate}",
            "--kubelet-preferred-address-types=InternalIP",
            f"--token-auth-file={secrets / 'tokens.csv'}",
            "--authorization-mode=RBAC",
            "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
            f"--service-account-key-file={secrets / 'service-account.key'}",
            f"--service-account-signing-key-file={secrets / 'service-account.key'}",
        )
        while not self.api.ready():
            self.check()
            time.sleep(0.05)
        self._start(
            "kube-controller-manager",
            f"--kubeconfig={self.kubeconfig}",
            "--leader-elect=false",
            "--secure-port=0",
            f"--root-ca-file={self.authority.certificate}",
            f"--service-account-private-key-file={secrets / 'service-account.key'}",
            f"--controllers={','.join(CONTROLLERS)}",
        )

    def start_proxy(self) -> None:
        """Start kube-proxy, which serves Service addresses; needs the Node object."""
        config = {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "mode": "nftables",
            "hostnameOverride": NODE_NAME,
            "clientConnection": {"kubeconfig": str(self.kubeconfig)},
            "nftables": {"minSyncPeriod": "50ms", "syncPeriod": "30s"},
            # We must not change the machine's connection tracking limits.
            "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
        }
        path = self._state / "control-plane" / "kube-proxy.json"
        path.write_text(json.dumps(config))
        self._start("kube-proxy", f"--config={path}")

    def start_istiod(self) -> None:
        """Start istiod, which injects gateways and sidecars, signs their certificates and configures them."""
        ca = self._state / "istiod"
        ca.mkdir()
        certificate = self.authority.certificate.read_bytes()
        for name, data in (
            ("ca-cert.pem", certificate),
            ("root-cert.pem", certificate),
            ("cert-chain.pem", certificate),
            ("ca-key.pem", self.authority.key.read_bytes()),
        ):
            (ca / name).write_bytes(data)
        mesh = {
            "accessLogFile": "/dev/stdout",
            "accessLogEncoding": "JSON",
            "accessLogFormat": json.dumps(ACCESS_LOG),
            "rootNamespace": GATEWAY_NAMESPACE,
            # Short, because tests read the access log and wait until pods end.
            "defaultConfig": {"fileFlushInterval": "0.05s", "terminationDrainDuration": "1s"},
        }
        (ca / "mesh.json").write_text(json.dumps(mesh))
        # istiod reads this path, relative to its working directory.
        injection.write(self._state / "var/lib/istio/inject", self._programs["istiod-chart"])
        self._start(
            "pilot-discovery",
            "discovery",
            f"--kubeconfig={self.kubeconfig}",
            f"--meshConfig={ca / 'mesh.json'}",
            "--networksConfig=/dev/null",
            "--httpAddr=127.0.0.1:18080",
            "--monitoringAddr=127.0.0.1:15014",
            env={
                "ROOT_CA_DIR": str(ca),
                "POD_NAMESPACE": GATEWAY_NAMESPACE,
                # istiod decides by the kubelets' version, but our Node does not report one.
                "ENABLE_NATIVE_SIDECARS": "true",
                # Filters of Istio's own proxy, which a vanilla Envoy does not have.
                "PILOT_ENABLE_METADATA_EXCHANGE": "false",
                "PILOT_ENABLE_ALPN_FILTER": "false",
            },
        )

    def _write_kubeconfig(self) -> None:
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {
                    "name": "live",
                    "cluster": {
                        "server": f"https://{NODE_ADDRESS}:{API_PORT}",
                        "certificate-authority": str(self.authority.certificate),
                    },
                }
            ],
            "users": [{"name": "admin", "user": {"token": self._token}}],
            "contexts": [{"name": "live", "context": {"cluster": "live", "user": "admin"}}],
            "current-context": "live",
        }
        self.kubeconfig.touch(mode=0o600)
        self.kubeconfig.write_text(json.dumps(config))
