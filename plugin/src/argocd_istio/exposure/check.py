"""What is wrong with an Exposure or an ExposureGenerator."""

from __future__ import annotations

from argocd_istio import API_VERSION, GROUP
from argocd_istio.exposure.fields import (
    BY_PATH,
    FIELDS,
    FUNCTION,
    FUNCTIONS,
    GENERATED,
    GENERATOR,
    KINDS,
    LISTENER_SET,
    MADE,
    MODE_LABEL,
    NAME,
    PASSTHROUGH,
    PLAIN,
    RUN,
    URL,
    Exposure,
    Field,
    Text,
    complete,
    nearest,
)
from argocd_istio.exposure.hosts import split_url
from argocd_istio.exposure.names import SUBSTITUTE, Problem, cut, shown
from argocd_istio.exposure.wired import API, BALANCER, EXISTING, LISTENERS, PARENT, Wired
from argocd_istio.findings import ERROR, INFO, WARNING, Finding
from argocd_istio.syntax.scalars import reading, tag_name
from argocd_istio.syntax.source import Mapping, Node, Scalar, Sequence, Source, SourceError, parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

# kustomize appends this to a date before it passes the text to a function.
MIDNIGHT = "T00:00:00Z"
METADATA = ("name", "namespace", "labels", "annotations")


def check(
    source: Source,
    root: Node | None,
    *,
    kinds: tuple[str, ...] = KINDS,
    file: str | None = None,
    lines: bool = True,
    generate: bool = False,
    substitute: bool = False,
    component: Wired | None = None,
) -> tuple[Exposure | None, list[Finding]]:
    """The Exposure that `root` of `source` describes, None if it has errors, and everything found.

    An ExposureGenerator is checked by the generator's rules. An Exposure is checked as input of kustomize alone or,
    if its labels mark it as generated, as output of the generator; with `generate`, one without these labels is
    checked as an ExposureGenerator.
    `file` replaces the file name in findings ("" for none), `lines` is whether findings have line numbers.
    With `substitute`, a text such as `${name}` is accepted: Flux replaces it after the build. `component` is what
    the kustomization lists, if known.
    """
    checker = _Checker(source, kinds, source.file if file is None else file, lines)
    checker.substitute, checker.component = substitute, component
    try:
        return checker.check(root, generate), checker.findings
    except _TooManyError:
        return None, checker.findings


def pairs(mapping: Mapping) -> dict[str, tuple[Node, Node]]:
    """Key and value by the key's text, including keys merged by `<<`."""
    found = {text: pair for text, pair in mapping.keys.items() if text != "<<"}
    if "<<" in mapping.keys:
        merged = mapping.keys["<<"][1].target
        for one in merged.items if isinstance(merged, Sequence) else [merged]:
            below = one.target
            for text, pair in pairs(below).items() if isinstance(below, Mapping) else ():
                found.setdefault(text, pair)
    return found


def noun(node: Node | None) -> str:
    """A value in words, for a message."""
    node = node.target if node else None
    if isinstance(node, Mapping):
        return "a mapping" if node.pairs else "an empty mapping"
    if isinstance(node, Sequence):
        return "a list" if node.items else "an empty list"
    if not isinstance(node, Scalar):
        return "nothing"
    read = reading(node)
    if not read:
        return f"the text {shown(node.value)}"
    return read if read == "nothing" else f"{read} {cut(node.value)}"


def odd(node: Node, text: str = "") -> Problem:
    """The problem of a node of `Source.odd`; `text` is the file's text."""
    if text[max(node.start - 1, 0) : node.start + 1] == "{{":
        return "an unrendered template ({{ }})", "plain values", "render the file before kustomize reads it"
    found = f"the tag {tag_name(node.tag)}" if node.tag else f"{noun(node)} as a key"
    return found, "plain values", "write the value without it"


def wrong_function(node: Node) -> str:
    """Why kustomize cannot run the program in an annotation, "" if it can."""
    text = node.target
    if not isinstance(text, Scalar) or reading(text):
        return noun(node)
    try:
        documents = parse(text.value.encode(), "").documents
    except SourceError as error:
        return cut(error.found)
    root = documents[0].root if documents else None
    inside = root.target if root else None
    if not isinstance(inside, Mapping):
        return noun(root)
    fields = pairs(inside)
    command = fields["exec"][1] if "exec" in fields else None
    below = command.target if command else None
    inner = pairs(below) if isinstance(below, Mapping) else {}
    # What else kustomize knows, as its functiontypes.go has it.
    odd = [key for key in fields if key not in ("exec", "container", "deferFailure")]
    odd += [f"exec.{key}" for key in inner if key not in ("path", "args", "envs")]
    if odd:
        return f"the field {shown(odd[0])}"
    if "container" in fields and noun(fields["container"][1]) != "nothing":
        return "a container"
    for name in ("args", "envs"):
        if name in inner and not isinstance(inner[name][1].target, Sequence):
            return f"{noun(inner[name][1])} at exec.{name}"
    program = inner.get("path")
    if program is None:
        return f"{noun(command)} at exec" if not isinstance(below, Mapping) else "no path at exec"
    value = program[1].target
    right = isinstance(value, Scalar) and not reading(value) and value.value
    return "" if right else f"{noun(value)} at exec.path"


MOST = 100
"""A check ends after this many findings: nobody reads more, and each costs time."""


class _TooManyError(Exception):
    """There are MOST findings."""


class _Checker:
    """One check. `values` and `nodes` are the fields read so far, by path."""

    def __init__(self, source: Source, kinds: tuple[str, ...], file: str, lines: bool) -> None:
        self.source, self.kinds, self.file, self.lines = source, kinds, file, lines
        self.substitute = False
        self.component: Wired | None = None
        self.findings: list[Finding] = []
        self.resource: dict[str, str] = {}
        self.values: dict[str, Any] = {}
        self.nodes: dict[str, Node] = {}
        self.labels: dict[str, str] = {}

    @property
    def failed(self) -> bool:
        return any(finding.severity == ERROR for finding in self.findings)

    def add(self, path: str, problem: Problem, node: Node | None = None, severity: str = ERROR) -> None:
        """Add a finding; without `node` at the innermost known node on the path."""
        found, expected, hint = problem
        inner = path
        while not node and inner:
            node = self.nodes.get(inner)
            inner = inner[: max(inner.rfind("."), inner.rfind("["), 0)]
        node = node or self.nodes.get("")
        line = node.line if node and self.lines else 0
        message = f"found {found}, expected {expected}; {hint}"
        self.findings.append(Finding(severity, self.file, line, path, message, self.resource))
        if len(self.findings) == MOST:
            message = f"found {MOST} problems, expected fewer; correct these first, there may be more"
            self.findings.append(Finding(ERROR, self.file, 0, "", message, self.resource))
            raise _TooManyError

    def check(self, root: Node | None, generate: bool) -> Exposure | None:
        if root:
            self.nodes[""] = root
        if not self.identify(root):
            return None
        top = self.mapping(root, "", ("apiVersion", "kind", "metadata", "spec"), "")
        for node in self.source.odd:
            if root and root.start <= node.start < root.end:
                self.add("", odd(node, self.source.text), node)
        self.metadata(top.get("metadata"))
        made = {path for path, label in GENERATED.items() if self.labels.get(label) == "generated"}
        self.fields(top.get("spec"), "spec", made)
        if not self.failed:
            self.agree()
        if self.failed:
            return None
        if self.resource["kind"] == PLAIN and (made or MODE_LABEL in self.labels):
            exposure = self.generated(top["spec"], made)
        elif self.resource["kind"] == PLAIN and not generate:
            exposure = self.plain()
        else:
            exposure = self.exposure()
        return None if self.failed else exposure

    def identify(self, root: Node | None) -> bool:
        """Whether the object has an accepted kind; also sets the resource for findings."""
        if not root or not isinstance(root.target, Mapping):
            self.add("", (noun(root), " or ".join(self.kinds), "write its fields"))
            return False
        for key, accepted in (("apiVersion", (API_VERSION,)), ("kind", self.kinds)):
            node = root.get(key)
            text = node.target if node else None
            if isinstance(text, Scalar) and not reading(text):
                self.resource[key] = text.value
            if self.resource.get(key) not in accepted:
                hint = nearest(self.resource.get(key, ""), accepted) or f"write {key}: {accepted[-1]}"
                self.add(key, (noun(node), " or ".join(accepted), hint), node)
        return not self.findings

    def mapping(self, node: Node | None, path: str, known: Iterable[str], expected: str) -> dict[str, Node]:
        """The fields of a mapping by name, {} for any other node. Unknown fields are findings."""
        inside = node.target if node else None
        if not isinstance(inside, Mapping):
            self.add(path, (noun(node), expected, "write its fields"), node)
            return {}
        result = {}
        for name, (key, value) in pairs(inside).items():
            result[name] = value
            if name not in known:
                self.unknown(f"{path}.{cut(name)}".lstrip("."), name, known, key)
        return result

    def unknown(self, path: str, name: str, known: Iterable[str], key: Node) -> None:
        below = path.rpartition(".")[0]
        elsewhere = [field.path for field in FIELDS if name and field.path.endswith(f".{name}")]
        if path in GENERATED:
            hint = "remove it, or let 'argocd-istio generate' write the Exposure"
        elif elsewhere:
            hint = f"move it to {elsewhere[0]}"
        else:
            hint = nearest(name, known) or "remove it"
        expected = f"{', '.join(known)} under {below}" if below else ", ".join(known)
        self.add(path, (f"the unknown field {shown(name)}", expected, hint), key)

    def metadata(self, node: Node | None) -> None:
        fields = self.mapping(node, "metadata", METADATA, "a mapping with a name")
        if node and fields.keys() <= set(METADATA):
            self.nodes["metadata"] = node
            self.nodes.update({f"metadata.{name}": value for name, value in fields.items()})
            name = self.text(fields.get("name"), "metadata.name", NAME)
            if name is not None:
                self.resource["name"] = self.values["metadata.name"] = name
        for field in ("labels", "annotations"):
            inside = fields[field].target if field in fields else None
            if inside is None:
                continue
            if not isinstance(inside, Mapping):
                problem = (noun(inside), "a mapping of texts", "remove the field or write one")
                self.add(f"metadata.{field}", problem, inside, WARNING)
                continue
            for key, (_, value) in pairs(inside).items():
                path, text = f"metadata.{field}[{cut(key)}]", value.target
                self.nodes[path] = value
                if field == "annotations" and key in FUNCTIONS:
                    self.function(value, path)
                elif not isinstance(text, Scalar) or reading(text):
                    self.add(path, (noun(text), "a text", "quote it"), value, WARNING)
                elif field == "labels" and key.startswith(f"{GROUP}/"):
                    self.labels[key] = text.value
        if self.labels and self.resource["kind"] == GENERATOR:
            for key in self.labels:
                self.add(f"metadata.labels[{key}]", ("a label of the generator's", "none", "remove it"))

    def function(self, node: Node, path: str) -> None:
        """The annotation that makes kustomize run a program. In a running function it is already right."""
        if self.resource["kind"] == PLAIN:
            hint = f"write kind: {GENERATOR} and list it under generators:, or remove it"
            self.add(path, (f"a plain {PLAIN} with the function annotation", "none", hint))
        elif self.lines and (found := wrong_function(node)):
            self.add(path, (found, RUN, f"write {FUNCTION}: '{RUN}'"))

    def fields(self, node: Node | None, path: str, made: set[str]) -> None:
        """Read the fields below a path of the table."""
        paths = [*BY_PATH, *made]
        known = dict.fromkeys(one[len(path) + 1 :].split(".")[0] for one in paths if one.startswith(f"{path}."))
        if node:
            self.nodes[path] = node
        for name, value in self.mapping(node, path, known, f"a mapping with {', '.join(known)}").items():
            below = f"{path}.{name}"
            self.nodes[below] = value
            if below in BY_PATH:
                self.field(BY_PATH[below], value)
            elif name in known and below not in made:
                self.fields(value, below, made)
        missing = [one for one in FIELDS if one.required and one.path.rpartition(".")[0] == path]
        for field in missing if isinstance(node and node.target, Mapping) else ():
            if field.path not in self.nodes:
                self.add(field.path, ("nothing", field.expected, "write it"))

    def field(self, field: Field, node: Node) -> None:
        """Read one field of the table."""
        inside = node.target
        if field.shape == "text":
            value: Any = self.text(node, field.path, field.value)
            if value is not None:
                self.values[field.path] = value
            return
        shape: type[Mapping] | type[Sequence] = Sequence if field.shape == "list" else Mapping
        if not isinstance(inside, shape) or not inside.size > 1:
            hint = "write '- ' before it" if field.shape == "list" and isinstance(inside, Scalar) else "write one"
            self.add(field.path, (noun(inside), field.expected, hint), node)
            return
        if isinstance(inside, Sequence):
            texts = []
            for index, item in enumerate(inside.items):
                texts.append(self.text(item, f"{field.path}[{index}]", field.value))
            self.values[field.path] = texts
        elif isinstance(inside, Mapping) and field.key:
            found = {}
            for name, (key, value) in pairs(inside).items():
                path = f"{field.path}[{cut(name)}]"
                self.text(key, path, field.key)
                found[name] = self.text(value, path, field.value)
            self.values[field.path] = found

    def text(self, node: Node | None, path: str, kind: Text) -> str | None:
        """The text of a scalar if it is valid for its kind, else None and a finding."""
        if node:
            self.nodes[path] = node
        scalar = node.target if node else None
        if not isinstance(scalar, Scalar) or reading(scalar) == "nothing":
            self.add(path, (noun(scalar), kind.noun, "write one"))
            return None
        if reading(scalar):
            self.add(path, (noun(scalar), kind.noun, self.quoting(scalar, kind)))
            return None
        if not self.lines and scalar.value.endswith(MIDNIGHT):
            date = scalar.value.removesuffix(MIDNIGHT)
            self.add(path, (f"the date {date}", kind.noun, f'quote it: "{date}"'))
            return None
        problem = self.problem(scalar.value, kind)
        if problem:
            self.add(path, problem)
            return None
        return scalar.value

    def problem(self, text: str, kind: Text) -> Problem | None:
        """The problem of a text by its kind's rule; `${name}` counts as some valid value."""
        if not self.substitute or not SUBSTITUTE.search(text):
            return kind.problem(text)
        problem = kind.problem(SUBSTITUTE.sub("x", text))
        if problem and all(kind.problem(SUBSTITUTE.sub(value, text)) for value in ("x.x", "x/x")):
            return shown(text), problem[1], "correct the text around ${ }: no value makes it valid"
        return None

    def quoting(self, scalar: Scalar, kind: Text) -> str:
        """The hint for a scalar that is not text."""
        if scalar.tag:
            return "write it without the tag"
        refused = kind.problem(scalar.value) if self.lines else None
        if refused:
            return refused[2]
        if self.lines or "number" not in reading(scalar):
            return f'quote it: "{cut(scalar.value)}"'
        return "quote the value in the file: kustomize turns 0755 into 493 and 1e3 into 1000"

    def agree(self) -> None:
        """The rules between fields; each field is already valid by itself."""
        hosts: list[str] = self.values["spec.hosts"]
        first: dict[str, int] = {}
        for index, host in enumerate(hosts):
            path = f"spec.hosts[{index}]"
            before = first.setdefault(host, index)
            if before != index:
                where = f"spec.hosts[{before}]"
                where += f" (line {self.nodes[where].line})" if self.lines else ""
                self.add(path, (f"{shown(host)} a second time, after {where}", "each host once", "remove one"))
            if host.endswith((".svc", ".cluster.local", ".local")):
                problem = (
                    f"{shown(host)}, a name inside the cluster",
                    "a public name",
                    "check that clients resolve it",
                )
                self.add(path, problem, severity=WARNING)
        parts = split_url(self.values.get("spec.url", ""))
        if parts and parts[0] not in first:
            hint = nearest(parts[0], hosts) or "add it to spec.hosts, or correct it"
            self.add("spec.url", (f"the host {shown(parts[0])}", "a host of spec.hosts", hint))
        mode = self.values.get("spec.mode")
        if mode and self.component and mode != self.component.mode:
            hint = "change one of them, with 'argocd-istio set mode'"
            self.add("spec.mode", (mode, f"{self.component.mode}, the component that the kustomization lists", hint))
        self.agree_secrets(first)
        self.agree_gateway()
        if self.component:
            self.agree_component(self.component)
        for part, keys in (("spec.scraper", SCRAPER), ("spec.server", SERVER)):
            missing = [key for key, path in keys.items() if path not in self.values]
            if len(missing) == 1:
                problem = (f"no {missing[0]}", "it beside the other field", f"write both, or remove {part}")
                self.add(part, problem)

    def agree_secrets(self, hosts: Iterable[str]) -> None:
        mode, names = self.values.get("spec.mode"), self.values.get("spec.tls.secretNames", {})
        for path in ("spec.tls.secretName", "spec.tls.secretNames"):
            if mode == PASSTHROUGH and path in self.values:
                hint = "remove it: argocd-server shows the certificate of its own Secret argocd-server-tls"
                self.add(path, ("a Secret under passthrough", "none", hint))
        if names and not mode:
            self.add(
                "spec.tls.secretNames", ("no spec.mode", "termination or grpc-routing beside it", "write spec.mode")
            )
        for host in names:
            if host not in hosts:
                hint = nearest(host, hosts) or "add it to spec.hosts, or remove it here"
                self.add(f"spec.tls.secretNames[{host}]", (f"the host {shown(host)}", "a host of spec.hosts", hint))
        for path, name in [
            ("spec.tls.secretName", self.values.get("spec.tls.secretName", "")),
            *((f"spec.tls.secretNames[{host}]", name) for host, name in names.items()),
        ]:
            if name.endswith("-cacert"):
                hint = "rename it: Istio reads a CA from Secrets with that ending"
                self.add(path, (shown(name), "a name without -cacert", hint), severity=WARNING)

    @property
    def way(self) -> str:
        """The way of the component, if known; else the one that the stated fields are for."""
        if self.component:
            return self.component.way
        if "spec.gateway.parent" in self.nodes:
            return PARENT if "spec.gateway.parent.sectionName" in self.nodes else LISTENERS
        ways = (("spec.gateway.className", API), ("spec.gateway.existing", EXISTING))
        return next((way for path, way in ways if path in self.nodes), "")

    def agree_gateway(self) -> None:
        """The fields of a Gateway of our own, and of the Gateway of somebody else."""
        stated = [path for path in _GATEWAYS if path in self.nodes]
        for path in stated[1:]:
            problem = (f"{path} beside {stated[0]}", "one of them", "keep the one that the listed component reads")
            self.add(path, problem)
        if self.way != LISTENERS or "spec.gateway.parent" not in self.nodes:
            return
        if "spec.gateway.parent.sectionName" in self.nodes:
            hint = "remove it: the parent of a ListenerSet is a whole Gateway, and the API server refuses a listener"
            self.add("spec.gateway.parent.sectionName", ("a listener", f"none, for {LISTENERS}", hint))
        if self.values.get("spec.gateway.parent.kind") == LISTENER_SET:
            self.add("spec.gateway.parent.kind", (LISTENER_SET, "Gateway", "name the Gateway that it belongs to"))
        made = MODE_LABEL in self.labels or self.resource["kind"] == GENERATOR
        if len(self.values["spec.hosts"]) > 1 and not (made and "spec.mode" in self.values):
            hint = "write spec.mode: each host needs listeners of its own, and these differ by mode"
            self.add("spec.hosts", ("several hosts", f"an {GENERATOR} with spec.mode for a ListenerSet", hint))

    def agree_component(self, component: Wired) -> None:
        """The fields that only some components read."""
        missing = [path for path in component.required if path not in self.nodes]
        for path in missing:
            if path.rpartition(".")[0] not in missing:
                expected = BY_PATH[path].expected if path in BY_PATH else "name and namespace of a Gateway"
                self.add(path, ("nothing", f"{expected}, for {component.title}", "write it"))
        if component.way == BALANCER:
            # The wiring takes the generator's servers, with their port 443, for a Gateway that has only port 80.
            several = "spec.tls.secretNames" in self.values or GENERATED["spec.gateway.servers"] in self.labels
            if several:
                problem = ("Secrets behind a load balancer, which ends TLS", "none", "remove it, and generate again")
                self.add("spec.tls.secretNames", problem)
        written = MODE_LABEL not in self.labels and not MADE & self.labels.keys()
        for path, hint in component.unread.items():
            if path in self.nodes and written:
                problem = (f"a field that {component.title} does not read", "none", hint)
                self.add(path, problem, severity=WARNING)

    def exposure(self) -> Exposure:
        """The fields read, with the defaults of the table."""
        values = {field.path: self.values.get(field.path, field.default) for field in FIELDS}
        hosts, names = values["spec.hosts"], values["spec.tls.secretNames"] or {}
        secrets = {host: names.get(host, values["spec.tls.secretName"]) for host in hosts}
        if {"spec.gateway.existing", "spec.gateway.className", "spec.gateway.parent"} & self.nodes.keys():
            # The defaults are those of istioctl's gateway, and a Gateway of somebody else may have other pods.
            values |= {path: self.values.get(path) for path in _OF_ISTIOCTL}
        elsewhere = "spec.gateway.parent.sectionName" in self.values
        return Exposure(
            self.values["metadata.name"],
            hosts,
            values["spec.mode"],
            values["spec.url"],
            values["spec.gateway.namespace"],
            values["spec.gateway.selector"],
            values["spec.gateway.serviceAccount"],
            {} if values["spec.mode"] == PASSTHROUGH or elsewhere else secrets,
            self.below("spec.scraper"),
            values["spec.gateway.existing"],
            self.below("spec.server"),
            instance=values["spec.instance"],
            class_name=values["spec.gateway.className"],
            parent=self.below("spec.gateway.parent") or None,
            redirect_parent=self.below("spec.gateway.redirectParent") or None,
        )

    def below(self, path: str) -> dict[str, Any]:
        """The stated fields below a path, in the order of the table."""
        fields = (field.path for field in FIELDS if field.path.rpartition(".")[0] == path)
        return {one.rpartition(".")[2]: self.values[one] for one in fields if one in self.values}

    def plain(self) -> Exposure:
        """Check a plain Exposure: each field that kustomize alone does not wire is a finding."""
        hint = f"make it an {GENERATOR}, listed under generators:, or commit what 'argocd-istio generate' prints"
        for field in FIELDS:
            if not field.plain and field.path in self.values:
                self.add(field.path, (f"a field that kustomize alone does not carry in a plain {PLAIN}", "none", hint))
        mode, component = self.values.get("spec.mode"), self.component
        if "spec.gateway.selector" not in self.values and self.way in ("", BALANCER):
            self.add(
                "spec.gateway.selector",
                ("nothing", "the labels of the gateway's pods: kustomize has no default", "write it"),
            )
        certificate = component.certificate if component else mode != PASSTHROUGH and self.way not in (EXISTING, PARENT)
        if "spec.tls.secretName" not in self.values and certificate:
            severity = ERROR if component else WARNING
            problem = (
                "nothing",
                "the name of a Secret: kustomize has no default",
                "write it, unless the mode is passthrough or TLS ends elsewhere",
            )
            self.add("spec.tls.secretName", problem, severity=severity)
        if len(self.values["spec.hosts"]) > 1:
            problem = (
                "several hosts",
                f"an {GENERATOR} for them",
                "without it additionalUrls omits the other hosts: single sign-on works only on the first",
            )
            self.add("spec.hosts", problem, severity=INFO)
        if "spec.mode" in self.values and not self.component:
            problem = (
                f"a mode in a plain {PLAIN}",
                "the component of the same mode",
                f"compare them: the build does so only for an {GENERATOR}",
            )
            self.add("spec.mode", problem, severity=INFO)
        return self.exposure()

    def generated(self, spec: Node, made: set[str]) -> Exposure:
        """Check a generated Exposure: each difference from the generator's output is a finding."""
        for field in FIELDS:
            if not field.plain and field.path in self.values:
                self.add(field.path, ("a field of the generator's input", "none in a generated Exposure", "remove it"))
        exposure = self.exposure()
        address = spec.find("address")
        if isinstance(address, Scalar):
            exposure.url = f"https://{address.value}"
            problem = self.problem(exposure.url, URL)
            if problem:
                self.add("spec.address", problem, address)
        for path in made & {"spec.gateway.servers", "spec.gateway.listeners"} if exposure.secrets else ():
            exposure.secrets |= self.secrets(spec.find(*path.split(".")[1:]), exposure.hosts)
        expected = complete(exposure)
        labels = expected["metadata"].get("labels", {})
        for key in sorted(labels.keys() | self.labels.keys()):
            if labels.get(key) != self.labels.get(key):
                found, right = (shown(one[key]) if key in one else "nothing" for one in (self.labels, labels))
                self.add(f"metadata.labels[{key}]", (found, right, AGAIN))
        for path, node, found, right in differences(spec, expected["spec"], "spec"):
            self.add(path, (found, right, AGAIN), node)
        return exposure

    @staticmethod
    def secrets(servers: Node | None, hosts: list[str]) -> dict[str, str]:
        """The Secret of each host in the servers or listeners."""
        found = {}
        inside = servers.target if servers else None
        for server in inside.items if isinstance(inside, Sequence) else []:
            name = server.find("tls", "credentialName") or server.find("tls", "certificateRefs", 0, "name")
            names = server.find("hosts") or server.find("hostname")
            names = names.target if names else None
            if isinstance(name, Scalar):
                for host in names.items if isinstance(names, Sequence) else filter(None, [names]):
                    if isinstance(host.target, Scalar):
                        found[host.target.value.removeprefix("./")] = name.value
        return {host: found[host] for host in hosts if host in found}


SCRAPER = {key: f"spec.scraper.{key}" for key in ("namespace", "serviceAccount")}
"""The fields of spec.scraper, which require each other."""
SERVER = {key: f"spec.server.{key}" for key in ("service", "labels")}
"""The same of spec.server."""
_GATEWAYS = ("spec.gateway.existing", "spec.gateway.className", "spec.gateway.parent")
"""The fields for Gateways of different kinds or owners."""
_OF_ISTIOCTL = ("spec.gateway.namespace", "spec.gateway.selector", "spec.gateway.serviceAccount")
AGAIN = "run 'argocd-istio generate' again"


def differences(node: Node, expected: Any, path: str) -> Iterator[tuple[str, Node, str, str]]:
    """Where a node differs from the expected value: path, node, found and expected in words."""
    inside = node.target
    if isinstance(expected, dict) and isinstance(inside, Mapping):
        found = pairs(inside)
        for key in dict.fromkeys([*expected, *found]):
            below = f"{path}.{key}"
            if key not in expected:
                yield below, found[key][0], "a field", "none"
            elif key not in found:
                yield below, node, "nothing", "a value"
            else:
                yield from differences(found[key][1], expected[key], below)
    elif isinstance(expected, list) and isinstance(inside, Sequence) and len(expected) == len(inside.items):
        for index, item in enumerate(expected):
            yield from differences(inside.items[index], item, f"{path}[{index}]")
    elif not isinstance(expected, (dict, list)):
        text = expected if isinstance(expected, str) else str(expected).lower()
        if not isinstance(inside, Scalar) or inside.value != text or bool(reading(inside)) == isinstance(expected, str):
            yield path, node, noun(node), shown(text) if isinstance(expected, str) else text
    else:
        yield path, node, noun(node), "a mapping" if isinstance(expected, dict) else f"a list of {len(expected)}"
