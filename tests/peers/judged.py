"""What of the other tools' messages is about a seeded fault, and what on files without one is wrong: judged by hand.

In doubt a message counts: what is not named here does.
"""

from __future__ import annotations

from tests.peers.tools import Message

ISTIOCTL, IN_CLUSTER, KUBECONFORM, CHECKOV = "istioctl", "istioctl, in a cluster", "kubeconform", "checkov"

_SECRET = "the fault is not that the Secret of another Gateway is missing: these files never have it"
_NO_PORT = "the port of the gateway's Service is another matter than this fault"
_WILDCARD = "wrong: a wildcard or short host does match a Service"
_UNVERIFIED = "it is about the CA; the fault is another, and is there with a CA too"
_SIDE = "another object, which the fault brings along"
_CONTAINER = "it says the same of every new container"

NOT_ABOUT: dict[str, dict[str, str]] = {
    "IST0101": dict.fromkeys(("C19", "C20", "C23", "C24", "C25"), _SECRET)
    | {
        "E15": _SIDE,
        "F12": _SIDE,
        "J18": "wrong: istiod creates that proxy, and files never have it",
    },
    "IST0102": {"": "no fault: Argo CD does not need a sidecar"},
    "IST0103": dict.fromkeys(("F12", "F09", "F10", "E04", "E10"), _SIDE),
    "IST0118": {"K03": _SIDE},
    "IST0127": {
        "F09": "the policy selects pods that exist; it only leaves argocd-server out",
        "F12": "no selector at all",
    },
    "IST0128": dict.fromkeys(("A03", "A34", "D07"), _UNVERIFIED),
    "IST0129": dict.fromkeys(("A03", "A34", "D07"), _UNVERIFIED),
    "IST0132": {
        "C19": "a consequence for the second Gateway alone",
        "C28": "wrong: the Gateway of others is not in the files",
        "J18": _SIDE,
    },
    "IST0133": {"H05": "it is about TCP ports; the fault is that paths are not normalized"},
    "IST0137": {"": "wrong: two ports of one Service may lead to one port of the pod"},
    "IST0146": {"": _SIDE},
    "IST0162": dict.fromkeys(("A19", "B01", "C19", "C20", "C22", "C23", "F08", "K03"), _NO_PORT),
    "IST0174": dict.fromkeys(("A03", "A28", "A29", "A34", "E04"), _WILDCARD),
    "Invalid": dict.fromkeys(("D20", "F24", "H03", "H04", "I04"), "the seed shortens the object; the fault is another"),
    "Error": {"": "the seed shortens the object"},
    "CKV": {"": _CONTAINER},
}
"""By the start of the code, the rules whose faults it is not about, all for the empty one; and why."""

ABOUT = {"CKV": {"I01": "a setting that hardens the install is gone"}}
"""The exceptions of rows for all rules."""

ON_BASES: dict[str, tuple[bool, str]] = {
    "IST0101": (True, "an object that is not in the files need not be missing: a Gateway of others, a Secret"),
    "IST0102": (False, "a note: no sidecar"),
    "IST0118": (False, "true: the names of ports for metrics are free; no way of the exposure uses them"),
    "IST0128": (False, "true: the certificate is not verified, which lint reports as A04"),
    "IST0132": (True, "the Gateway of others is not in the files"),
    "IST0137": (True, "ports 80 and 443 of argocd-server lead to one port of the pod, in upstream's install too"),
    "IST0162": (False, "true of our stand-in for the gateway's Service, which no file has"),
    "CKV": (False, "true: upstream's install could be hardened further; nothing of it is about the exposure"),
}
"""By the start of the code: whether the message is wrong on a file without a fault, and why."""


def why_not(message: Message, rule: str) -> str:
    """Why a message is not about a fault; empty if it counts."""
    for start, rules in NOT_ABOUT.items():
        if message.code.startswith(start) and rule not in ABOUT.get(start, {}):
            return rules.get(rule) or rules.get("", "")
    return ""


NOT_JUDGED = "not judged yet"


def on_base(message: Message) -> tuple[bool, str]:
    """Whether a message on a base is wrong, and why; `NOT_JUDGED` if nobody has looked at it."""
    return next((row for start, row in ON_BASES.items() if message.code.startswith(start)), (False, NOT_JUDGED))
