"""The rules for host names and for the address of Argo CD.

Host names are DNS names of at least two labels (RFC 1123, lower case), because Istio reads a name of one
label as a Service of the cluster. Each rule returns what was found, what was expected and what to do.
"""

from __future__ import annotations

import re

from argocd_istio.exposure.names import LABEL, Problem, problem_of_text, shown

EXPECTED = "a bare host name such as cd.acme.io"
PATTERN = rf"(?!.*\.(?:[0-9]+|0x[0-9a-f]*)$){LABEL}(?:\.{LABEL})+"
"""An ECMAScript pattern that every accepted host matches; it does not check punycode."""
LONGEST, LONGEST_LABEL = 253, 63

_LABEL = re.compile(LABEL)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_AROUND = re.compile(r"[/:@?#\s]")
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9a-fA-F]*")
# Characters that IDNA 2003 and 2008 encode differently: only the owner knows which name is right.
_AMBIGUOUS = re.compile("[ßς\u200c\u200d]")


def normal(host: str) -> str:
    """The host in lower case and without its final dot."""
    return host.lower().removesuffix(".")


def a_label(host: str) -> str:
    """The DNS form of a host with non-ASCII letters, by UTS 46. Raises ValueError if it is not unique."""
    if host.isascii():
        return host.lower()
    if _AMBIGUOUS.search(host):
        raise ValueError("it has no single A-label")
    import idna  # imported here: its tables take longer to load than everything else

    return idna.encode(host, uts46=True).decode()


def _decodes(label: str) -> bool:
    """Whether an `xn--` label decodes to a name and is the correct encoding of it."""
    try:
        name = label[4:].encode().decode("punycode")
        return not name.isascii() and name.isprintable() and name.encode("punycode").decode() == label[4:]
    except (ValueError, OverflowError):
        return False


def _bare(text: str) -> str:
    """The acceptable host inside a longer text such as an address, "" if there is none."""
    rest = _SCHEME.sub("", text.strip(), count=1)
    rest = re.split(r"[/?#\s]", rest, maxsplit=1)[0].rpartition("@")[2]
    rest = normal(re.sub(r":[0-9]*$", "", rest))
    return "" if _AROUND.search(rest) or host_problem(rest) else rest


def as_typed(host: str) -> str:
    """The DNS form of a host as typed; the text itself if it is not a host."""
    try:
        return normal(a_label(host))
    except ValueError:
        return host


def host_problem(host: str) -> Problem | None:
    """The problem of a text as a host, None if it is valid."""
    problem = problem_of_text(host, EXPECTED)
    if problem:
        return problem
    if len(host) > LONGEST:
        return f"a host of {len(host)} characters", f"at most {LONGEST}", "shorten it"
    if "*" in host:
        return f"the wildcard {shown(host)}", EXPECTED, "name each host: a wildcard takes hosts that are not Argo CD's"
    if host.startswith("[") or re.fullmatch(r"(?=.*::|(?:.*:){7})[0-9a-fA-F:.]+(?:%\w+)?", host):
        return f"the IP address {shown(host)}", EXPECTED, "use a DNS name: SNI cannot carry an IP address"
    several = [part for part in re.split(r"[,;\s]+", host) if part]
    if len(several) > 1 and not any(map(host_problem, several)):
        return f"several hosts in {shown(host)}", EXPECTED, f"write each by itself: {' and '.join(several)}"
    if _AROUND.search(host):
        bare = _bare(host)
        return shown(host), EXPECTED, f"write {bare}" if bare else "write the name alone: no scheme, port or path"
    if not host.isascii():
        found, expected = f"letters beyond ASCII in {shown(host)}", "the name as DNS has it"
        try:
            name = a_label(host)
        except ValueError:
            name = ""
        return found, expected, "write the xn-- form that is registered" if host_problem(name) else f"write {name}"
    if host != normal(host):
        found = "upper case" if host.lower() != host else "a final dot"
        expected = "a lower-case name without final dot"
        return host_problem(normal(host)) or (f"{found} in {shown(host)}", expected, f"write {normal(host)}")
    return _problem_of_labels(host)


def _problem_of_labels(host: str) -> Problem | None:
    labels = host.split(".")
    if _NUMBER.fullmatch(labels[-1]):
        return f"the IP address {shown(host)}", EXPECTED, "use a DNS name: SNI cannot carry an IP address"
    for label in labels:
        if len(label) > LONGEST_LABEL:
            return f"{len(label)} characters in {shown(label)}", f"labels of at most {LONGEST_LABEL}", "shorten it"
        if not label:
            return f"an empty label in {shown(host)}", EXPECTED, "remove the extra dot"
        if not _LABEL.fullmatch(label):
            hint = "use letters, digits and, between them, hyphens"
            return f"the label {shown(label)} in {shown(host)}", EXPECTED, hint
        if label.startswith("xn--") and not _decodes(label):
            return (
                f"the label {shown(label)}, which does not decode",
                "an A-label",
                "write the name as it is registered",
            )
    if len(labels) == 1:
        hint = "write the full name: Istio takes one label for a Service of the cluster"
        return f"the single label {shown(host)}", EXPECTED, hint
    return None


# Browsers drop port 443, so the callback of single sign-on would never match.
_PORT = r"(:(?!443(?![0-9]))[1-9][0-9]{0,4})?"
_URL = re.compile(rf"https://([^/:?#@\s]+){_PORT}")
URL_PATTERN = rf"https://{LABEL}(?:\.{LABEL})+{_PORT}"
LONGEST_URL = len("https://") + LONGEST + len(":65535")
_PARTS = re.compile(r"https://([^/:?#@\s]+)(?::([0-9]+))?(/[^?#\s]*)?")
_ROOT = "argocd-server serves / unless server.rootpath and server.basehref are set, which this library does not set"


def split_url(url: str) -> tuple[str, str] | None:
    """The host and the port, as written, of an address; None if it is not `https://HOST[:PORT]`."""
    found = _URL.fullmatch(url)
    if not found or (found[2] and not 0 < int(found[2][1:]) < 65536):
        return None
    return found[1], found[2] or ""


def url_problem(url: str) -> Problem | None:
    """The problem of a text as Argo CD's address, None if it is valid."""
    expected = "an address such as https://cd.acme.io"
    problem = problem_of_text(url, expected)
    if problem:
        return problem
    parts = _PARTS.fullmatch(url)
    if parts:
        return _problem_of_parts(url, expected, parts[1], parts[2] or "", parts[3] or "")
    if len(url) > LONGEST_URL:
        return f"an address of {len(url)} characters", f"at most {LONGEST_URL}", "shorten it"
    if url.startswith("http://"):
        return shown(url), expected, "write https: plain HTTP is only redirected"
    if not host_problem(url):
        return shown(url), expected, f"write https://{url}"
    return shown(url), expected, "write https://, a host of spec.hosts and, if it has one, the port"


def _problem_of_parts(url: str, expected: str, typed: str, port: str, path: str) -> Problem | None:
    """The problem of an address with these parts; port and path may be ""."""
    host = as_typed(typed)
    problem = host_problem(typed)
    if problem and host_problem(host):
        return problem
    right = f"https://{host}" + (f":{port}" if port not in ("", "443") else "")
    if port and (port.startswith("0") or len(port) > 5 or int(port) > 65535):
        return f"the port {shown(port)}", "a port from 1 to 65535", f"correct it, or write https://{host}"
    if path.strip("/"):
        return f"the path {shown(path)}", "an address without a path", f"write {right}: {_ROOT}"
    if problem:
        return *problem[:2], f"write {right}"
    if port == "443":
        return shown(url), expected, f"write {right}: browsers omit :443"
    if path:
        return shown(url), expected, f"write {right}: single sign-on compares the callback exactly"
    return None
