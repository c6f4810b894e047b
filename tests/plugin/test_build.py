"""kustomize runs the installed function: the checked way gives the result of the plain way or more, or fails."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from argocd_istio import API_VERSION
from argocd_istio.exposure.fields import complete
from argocd_istio.exposure.wired import API, LISTENERS
from argocd_istio.syntax.emit import to_yaml
from tests.plugin.cases import FUNCTION, checked, generator
from tests.plugin.strategies import specs
from tests.render.consumer import EXPOSURE, MODES, one, write
from tests.render.render import ROOT, BuildError, load
from tests.render.render import build as build_plain
from tools import plugin
from tools.build import program

FLAGS = ("--enable-alpha-plugins", "--enable-exec")


def consumer(folder: Path, mode: str, *, plain: Any = None, checked: Any = None) -> Path:
    """A consumer without CRDs that lists an Exposure under resources, or an ExposureGenerator under generators."""
    kustomization = {
        "components": [f"components/{mode}/without-crds"],
        "resources" if plain else "generators": ["exposure.yaml"],
    }
    return write(folder, kustomization, exposure=plain or checked)


def build(folder: Path, installed: Path, *flags: str) -> str:
    """The YAML that kustomize prints with the installed function on PATH. Raises BuildError."""
    command = [str(program("kustomize")), "build", *(flags or FLAGS), str(folder)]
    result = subprocess.run(command, capture_output=True, text=True, check=False, env=plugin.environment(installed))
    if result.returncode != 0:
        raise BuildError(result.stderr)
    return result.stdout


def plainly(spec: dict[str, Any]) -> dict[str, Any]:
    """The plain Exposure with everything written out that the generator would fill in."""
    gateway = {"selector": {"istio": "ingressgateway"}} | spec.get("gateway", {})
    tls = {} if spec.get("mode") == "passthrough" else {"tls": {"secretName": "argocd-certificate"}}
    return EXPOSURE | {"spec": tls | spec | {"gateway": gateway}}


def completed(config: dict[str, Any]) -> str:
    """What `argocd-istio generate` prints."""
    found, findings = checked(yaml.safe_dump(config, default_style='"'))
    assert found and findings == []
    return to_yaml(complete(found))


@pytest.mark.parametrize("mode", MODES)
def test_plain_checked_and_committed_output_are_identical(mode: str, installed: Path) -> None:
    """One host, which both ways support. Each example is three builds."""

    @settings(max_examples=6)
    @given(specs(several=False, mode=mode))
    def same(spec: dict[str, Any]) -> None:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            config = generator(**spec)
            ours = build(consumer(folder / "checked", mode, checked=config), installed)
            assert ours == build(consumer(folder / "plain", mode, plain=plainly(spec)), installed)
            assert ours == build(consumer(folder / "committed", mode, plain=completed(config)), installed)

    same()


@pytest.mark.parametrize("mode", MODES)
def test_checked_and_committed_output_match_for_all_features(mode: str, installed: Path) -> None:
    @settings(max_examples=5)
    @given(specs(mode=mode))
    def same(spec: dict[str, Any]) -> None:
        with tempfile.TemporaryDirectory() as name:
            config = generator(**spec)
            ours = build(consumer(Path(name) / "checked", mode, checked=config), installed)
            assert ours == build(consumer(Path(name) / "committed", mode, plain=completed(config)), installed)
            objects, hosts = load(ours), spec["hosts"]
            assert one(objects, "VirtualService")["spec"]["hosts"] == hosts
            for server in one(objects, "Gateway")["spec"]["servers"]:
                assert set(server["hosts"]) <= {f"./{host}" for host in hosts}
            data = one(objects, "ConfigMap", "argocd-cm")["data"]
            urls = [data["url"], *(yaml.safe_load(data["additionalUrls"]) if len(hosts) > 1 else [])]
            assert sorted(url.split("/")[2].split(":")[0] for url in urls) == sorted(hosts)
            assert urls[0] == spec.get("url", f"https://{hosts[0]}")
            assert {"additionalUrls"} & data.keys() == ({"additionalUrls"} if len(hosts) > 1 else set())

    same()


@pytest.mark.parametrize("mode", ["termination", "grpc-routing"])
def test_each_certificate_gets_its_own_server(tmp_path: Path, mode: str, installed: Path) -> None:
    """The servers that the generator writes are those of base/istio."""
    spec = {"hosts": ["a.marker.test", "b.marker.test"], "tls": {"secretName": "cert-a"}}
    plain = one(load(build(consumer(tmp_path / "plain", mode, plain=plainly(spec)), installed)), "Gateway")["spec"]
    config = generator(
        **spec | {"mode": mode, "tls": {"secretName": "cert-a", "secretNames": {"b.marker.test": "cert-b"}}}
    )
    ours = one(load(build(consumer(tmp_path / "checked", mode, checked=config), installed)), "Gateway")["spec"]
    [http, https], [own_http, first, second] = plain["servers"], ours["servers"]
    assert own_http == http and ours["selector"] == plain["selector"]
    assert first == https | {"hosts": ["./a.marker.test"]}
    assert second == https | {
        "name": "https-2",
        "port": https["port"] | {"name": "https-2"},
        "hosts": ["./b.marker.test"],
        "tls": https["tls"] | {"credentialName": "cert-b"},
    }


def listeners(folder: Path, way: str, spec: dict[str, Any], *, plain: bool = False) -> list[Any]:
    """The listeners of a build with the generator's output, or with a plain Exposure."""
    mode, gateway = spec["mode"], {API: {"className": "istio"}, LISTENERS: {"parent": {"name": "shared"}}}[way]
    spec = spec | {"gateway": gateway}
    exposed = EXPOSURE | {"spec": spec} if plain else completed(generator(**spec))
    objects = build_plain(consumer(folder, f"{way}/{mode}", plain=exposed))
    found: list[Any] = one(objects, "Gateway" if way == API else "ListenerSet")["spec"]["listeners"]
    return found


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("way", [API, LISTENERS])
def test_each_host_gets_its_own_listener(tmp_path: Path, way: str, mode: str) -> None:
    """The listeners that the generator writes are those of base/gateway-api."""
    tls = {} if mode == "passthrough" else {"tls": {"secretName": "cert-a"}}
    spec = {"hosts": ["a.marker.test"], "mode": mode, **tls}
    http, https = listeners(tmp_path / "plain", way, spec, plain=True)
    assert listeners(tmp_path / "same", way, spec) == [http, https]
    several = spec | {"hosts": ["a.marker.test", "b.marker.test"]}
    if tls:
        several["tls"] = {"secretName": "cert-a", "secretNames": {"b.marker.test": "cert-b"}}
    found = listeners(tmp_path / "several", way, several)
    if way == API and not tls:
        assert found == [http, https]
        return
    second = {"name": "https-2", "hostname": "b.marker.test"}
    if tls:
        second["tls"] = https["tls"] | {"certificateRefs": [{"group": "", "kind": "Secret", "name": "cert-b"}]}
    wanted = [http, https | {"hostname": "a.marker.test"}, https | second]
    wanted[1:1] = [http | {"name": "http-2", "hostname": "b.marker.test"}] if way == LISTENERS else []
    assert found == wanted


def test_one_secret_needs_one_listener_for_all_hosts(tmp_path: Path) -> None:
    spec = {"hosts": ["a.marker.test", "b.marker.test"], "mode": "termination", "tls": {"secretName": "cert-a"}}
    assert [one.get("hostname") for one in listeners(tmp_path, API, spec)] == [None, None]


@pytest.mark.parametrize(
    ("gateway", "written"),
    [
        ({"className": "istio"}, {"className": "istio"}),
        ({"className": "istio", "namespace": "argocd"}, {"namespace": "argocd", "className": "istio"}),
        ({"parent": {"sectionName": "https", "name": "a"}}, {"parent": {"name": "a", "sectionName": "https"}}),
    ],
)
def test_no_default_of_istioctl_is_written(gateway: dict[str, Any], written: dict[str, Any]) -> None:
    config = generator(hosts=["a.io", "b.io"], mode="termination", gateway=gateway)
    config["spec"]["tls"] = {"secretNames": {"b.io": "b"}}
    made = yaml.safe_load(completed(config))
    assert {key: value for key, value in made["spec"]["gateway"].items() if key != "listeners"} == written
    assert ("listeners" in made["spec"]["gateway"]) == ("className" in gateway)
    assert ("tls" in made["spec"]) == ("className" in gateway)


def test_a_mistake_fails_the_build_with_its_line(tmp_path: Path, installed: Path) -> None:
    config = generator(hosts=["https://a.marker.test/"], tls={"secretNam": "x"})
    with pytest.raises(BuildError) as error:
        build(consumer(tmp_path, "termination", checked=config), installed)
    lines = str(error.value).splitlines()
    assert lines[0].startswith(
        'ExposureGenerator argocd: spec.hosts[0]: found "https://a.marker.test/", expected a bare'
    )
    assert lines[0].endswith("write a.marker.test") and "did you mean secretName?" in lines[1]
    assert "exit status 2" in lines[2] and len(lines) == 3


TRAPS = [
    # (value in the file, text of the finding): kustomize reads the file first and converts some values
    ("on", 'found the single label "on"'),
    ("NO", 'found the single label "no"'),
    ("0755", "found the number 493, expected a host name; quote the value in the file: kustomize turns 0755 into 493"),
    ("1e3", "found the number 1000"),
    ("1_000", "found the number 1000"),
    ("0x1F", "found the number 31"),
    ("2001-01-01", "found the date 2001-01-01, expected a host name; quote it"),
    ("12:30:45", 'found "12:30:45", expected a bare host name'),
    ("true", "found the boolean true"),
    ("~", "found nothing"),
    ("'2130706433'", "found the IP address"),
]


@pytest.mark.parametrize(("text", "words"), TRAPS)
def test_values_that_yaml_misreads_fail_the_build(tmp_path: Path, text: str, words: str, installed: Path) -> None:
    config = yaml.safe_dump(generator(hosts=["HOST"])).replace("HOST", text)
    with pytest.raises(BuildError, match=r"spec.hosts\[0\]: ") as error:
        build(consumer(tmp_path, "termination", checked=config), installed)
    assert words in str(error.value)


@pytest.mark.parametrize("mode", MODES)
def test_a_mode_unlike_the_component_fails_the_build(tmp_path: Path, mode: str, installed: Path) -> None:
    other = MODES[MODES.index(mode) - 1]
    with pytest.raises(BuildError, match=r"argocd-istio\.github\.io~1mode failed"):
        build(consumer(tmp_path, mode, checked=generator(hosts=["a.marker.test"], mode=other)), installed)


@pytest.mark.parametrize("mode", MODES)
def test_without_enable_exec_the_build_fails(tmp_path: Path, mode: str, installed: Path) -> None:
    """kustomize skips it silently and passes its configuration on: nothing is an Exposure then."""
    folder = consumer(tmp_path, mode, checked=generator(hosts=["a.marker.test"]))
    with pytest.raises(BuildError, match="nothing selected by Exposure"):
        build(folder, installed, "--enable-alpha-plugins")
    with pytest.raises(BuildError, match="external plugins disabled"):
        build(folder, installed, "--enable-exec")


@pytest.mark.parametrize(
    "metadata",
    [
        {"annotations": FUNCTION},
        {"annotations": {"config.k8s.io/function": FUNCTION["config.kubernetes.io/function"]}},
        {"configFn": {"exec": {"path": "argocd-istio-generator"}}},
    ],
    ids=["annotation", "older annotation", "configFn"],
)
def test_a_plain_exposure_with_a_function_is_rejected(
    tmp_path: Path, metadata: dict[str, Any], installed: Path
) -> None:
    """Without --enable-exec kustomize skips the function and passes its configuration on: nothing has checked it."""
    config = plainly({"hosts": ["a.marker.test"]})
    config["metadata"] = config["metadata"] | metadata
    folder = consumer(tmp_path, "termination", checked=config)
    with pytest.raises(BuildError, match=r"testing value /(kind|metadata/configFn) failed"):
        build(folder, installed, "--enable-alpha-plugins")
    with pytest.raises(BuildError, match="expected ExposureGenerator"):
        build(folder, installed)


def test_a_missing_function_always_fails_the_build(tmp_path: Path, installed: Path) -> None:
    config = generator(hosts=["a.marker.test"])
    config["metadata"]["annotations"] = dict.fromkeys(FUNCTION, "exec: {path: no-such-program}")
    folder = consumer(tmp_path, "termination", checked=config)
    with pytest.raises(BuildError, match="no-such-program"):
        build(folder, installed)
    with pytest.raises(BuildError, match="nothing selected by Exposure"):
        build(folder, installed, "--enable-alpha-plugins")


@pytest.mark.parametrize("way", [["kustomize"], ["apply", "--dry-run=client", "-k"]])
def test_kubectl_builds_committed_but_refuses_checked_consumers(
    tmp_path: Path, way: list[str], installed: Path
) -> None:
    config = generator(hosts=["a.marker.test"])
    folder = consumer(tmp_path / "checked", "termination", checked=config)
    command = [str(program("kubectl")), *way]
    environment = plugin.environment(installed)
    result = subprocess.run([*command, str(folder)], capture_output=True, text=True, check=False, env=environment)
    assert result.returncode != 0 and "external plugins disabled" in result.stderr
    assert result.stdout == ""
    if way == ["kustomize"]:
        committed = consumer(tmp_path / "committed", "termination", plain=completed(config))
        result = subprocess.run([*command, str(committed)], capture_output=True, text=True, check=True)
        assert result.stdout == build(folder, installed)


def test_each_documented_error_is_what_kustomize_says(tmp_path: Path, installed: Path) -> None:
    page = (ROOT / "docs/plugin.md").read_text()
    wrong = consumer(tmp_path / "wrong", "termination", checked=generator(hosts=["a"]))
    right = consumer(tmp_path / "right", "termination", checked=generator(hosts=["a.marker.test"]))
    other = consumer(tmp_path / "other", "termination", checked=generator(hosts=["a.marker.test"], mode="passthrough"))
    missing = generator(hosts=["a.marker.test"])
    missing["metadata"]["annotations"] = dict.fromkeys(FUNCTION, "exec: {path: no-such-program}")
    absent = consumer(tmp_path / "absent", "termination", checked=missing)
    passed = plainly({"hosts": ["a.marker.test"]})
    passed["metadata"] = passed["metadata"] | {"annotations": FUNCTION}
    unchecked = consumer(tmp_path / "unchecked", "termination", checked=passed)
    nothing = generator(hosts=["a.marker.test"])
    del nothing["metadata"]["annotations"]
    unnamed = consumer(tmp_path / "unnamed", "termination", checked=nothing)
    both = {"components": ["components/termination"], "generators": ["exposure.yaml"], "resources": ["plain.yaml"]}
    second = plainly({"hosts": ["b.marker.test"]})
    same = write(tmp_path / "same", both, exposure=generator(hosts=["a.marker.test"]), plain=second)
    second = second | {"metadata": {"name": "second"}}
    twice = write(tmp_path / "twice", both, exposure=generator(hosts=["a.marker.test"]), plain=second)
    function = {"config.kubernetes.io/function": "exec: {path: argocd-istio-validator}"}
    lint = {"apiVersion": API_VERSION, "kind": "ExposureValidator", "metadata": {"name": "a", "annotations": function}}
    plain = {"components": ["components/termination/without-crds"], "resources": ["exposure.yaml"]}
    own = plainly({"hosts": ["a.marker.test"]})
    failing = write(tmp_path / "failing", {**plain, "transformers": ["lint.yaml"]}, exposure=own, lint=lint)
    refused = write(
        tmp_path / "refused",
        {**plain, "validators": ["lint.yaml"]},
        exposure=own,
        lint=lint | {"spec": {"ignore": ["C"]}},
    )
    broken = [
        (wrong, FLAGS),
        (right, FLAGS[:1]),
        (unchecked, FLAGS[:1]),
        (right, FLAGS[1:]),
        (unnamed, FLAGS),
        (absent, FLAGS),
        (other, FLAGS),
        (twice, FLAGS),
        (same, FLAGS),
        (failing, FLAGS),
        (refused, FLAGS),
    ]
    shown = re.findall(r"^\| ``(.+?)`` \|", page, re.M)
    assert len(shown) == len(broken)
    for message, (folder, flags) in zip(shown, broken, strict=True):
        with pytest.raises(BuildError, match=re.escape(message)):
            build(folder, installed, *flags)


def test_the_documented_consumer_builds_and_fails_as_documented(tmp_path: Path, installed: Path) -> None:
    """The files of docs/plugin.md, with this repository in place of the library's address."""
    page = (ROOT / "docs/plugin.md").read_text()
    config, kustomization = re.findall(r"^```yaml\n(apiVersion.*?)^```", page, re.M | re.S)[:2]
    here = os.path.relpath(ROOT, tmp_path)
    local = re.sub(r"https://\S+?//(\S+)\?ref=\S+", rf"{here}/\1/without-crds", kustomization)
    (tmp_path / "kustomization.yaml").write_text(local)
    (tmp_path / "exposure.yaml").write_text(config)
    objects = load(build(tmp_path, installed))
    assert one(objects, "VirtualService")["spec"]["hosts"] == ["cd.acme.io", "cd.acme.dev"]
    (tmp_path / "exposure.yaml").write_text(config.replace("- cd.acme.io", "- https://cd.acme.io/"))
    with pytest.raises(BuildError) as error:
        build(tmp_path, installed)
    [line] = re.findall(r"^ExposureGenerator argocd: .*", page, re.M)
    assert str(error.value).startswith(line + "\n")


def test_a_remote_base_finds_the_function_by_name(tmp_path: Path, installed: Path) -> None:
    """A team's base lists the generator; its consumers fetch the base by its address."""
    work = tmp_path / "work"
    write(
        work / "exposure",
        {"generators": ["exposure.yaml"]},
        exposure=generator(hosts=["a.marker.test"], mode="termination"),
    )
    identity = ["-c", "user.name=test", "-c", "user.email=test@localhost"]
    for command in (["init", "-q"], ["add", "."], [*identity, "commit", "-qm", "base"], ["tag", "v1"]):
        subprocess.run(["git", *command], cwd=work, check=True)
    base = {
        "resources": [f"file://{work}//exposure?ref=v1"],
        "components": ["components/termination/without-crds"],
    }
    remote = build(write(tmp_path / "remote", base), installed)
    plain = plainly({"hosts": ["a.marker.test"]})
    assert remote == build(consumer(tmp_path / "plain", "termination", plain=plain), installed)


@given(st.data())
def test_plain_and_completed_exposure_are_equivalent(data: st.DataObject) -> None:
    """The first test's property for many more examples: the wiring reads the same from both."""
    spec = data.draw(specs(several=False))
    made = yaml.load(completed(generator(**spec)), yaml.CSafeLoader)["spec"]
    plain = plainly(spec)["spec"]
    for field in ("hosts", "tls", "server", "instance"):
        assert made.get(field) == plain.get(field)
    for field in ("selector", "existing"):
        assert made["gateway"].get(field) == plain["gateway"].get(field)
    assert made.keys() <= {"mode", "hosts", "gateway", "server", "tls", "instance"}
    assert made["gateway"].keys() <= {"namespace", "selector", "serviceAccount", "existing"}
