"""What we set because a user asked, and must clear when he asks no more: kept in the description.

The list stands in the description of the very resource whose fields it names, under a key of our
own, so that one write changes both. Paths are the API's, dotted: `cdnPolicy.cacheMode`. A resource
nobody asked anything of has no such key, and its description is ingress-gce's, byte for byte.
"""

import json
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Final

KEY: Final = "glbc.gcp.kubernetes.io/set"
ORPHANED: Final = "glbc.gcp.kubernetes.io/orphaned"  # of a URL map: the Ingress that is gone
FEATURES: Final = "x-features"  # upstream's own list of what a backend service needs
INGRESS: Final = "kubernetes.io/ingress-name"  # upstream writes front ends' with blanks
SERVICE: Final = "kubernetes.io/service-name"
ESCAPES: Final = (("&", "\\u0026"), ("<", "\\u003c"), (">", "\\u003e"))  # as Go's json.Marshal


def recorded(description: object) -> frozenset[str]:
    """Return the paths that a description lists; none where it is not ours to read."""
    if not isinstance(description, str) or KEY not in description:
        return frozenset()
    _, known = _parts(description)
    paths = known.get(KEY, ())
    return frozenset(path for path in paths if isinstance(path, str))


def users_in(description: str) -> str:
    """Return what a description says that its resource is for: an Ingress, a Service, or ""."""
    _, known = _parts(description)
    for kind, key in (("ingress", INGRESS), ("service", SERVICE)):
        if isinstance(known.get(key), str):
            return f"{kind} {known[key]}"
    service, _ = service_port_in(description)
    return f"service {service}" if service else ""


@lru_cache(4096)  # asked each turn of each group
def service_port_in(description: str) -> tuple[str, str]:
    """Return the Service, `namespace/name`, and the port that an endpoint group is of; "" if not said."""
    _, known = _parts(description)
    namespace, name, port = (known.get(key) for key in ("namespace", "service-name", "port"))
    if not (isinstance(namespace, str) and isinstance(name, str) and isinstance(port, str)):
        return "", ""
    return f"{namespace}/{name}", port


def orphan_of(description: object) -> str:
    """Return the Ingress (`namespace/name`) that has left a load balancer behind on purpose, or ""."""
    if not isinstance(description, str) or ORPHANED not in description:
        return ""
    _, known = _parts(description)
    found = known.get(ORPHANED)
    return found if isinstance(found, str) else ""


def with_orphan(description: str, ingress: str) -> str:
    """Return the description with this mark of an Ingress (`namespace/name`), "" for none."""
    text, known = _parts(description)
    known = {name: value for name, value in known.items() if name != ORPHANED}
    return _joined(text, known | ({ORPHANED: ingress} if ingress else {}))


def with_record(description: str, paths: Iterable[str]) -> str:
    """Return the description with exactly these paths listed."""
    listed = sorted(set(paths))
    if not listed and KEY not in description:
        return description
    text, known = _parts(description)
    known = {name: value for name, value in known.items() if name != KEY}
    if listed:
        known[KEY] = listed
    return _joined(text, known)


def renewed(live: str, wanted: str, paths: Iterable[str]) -> str:
    """Return what the description becomes: what is there, with our record and upstream's features.

    Everything else in it is a matter of when it was made, and keys that we do not know are
    somebody's.
    """
    text, known = _parts(live)
    _, fresh = _parts(wanted)
    if not known and not text:
        return with_record(wanted, paths)
    if known and text == "":
        known = {name: value for name, value in known.items() if name not in {FEATURES, KEY}}
        if FEATURES in fresh:
            known[FEATURES] = fresh[FEATURES]
        live = _joined(text, known)
    return with_record(live, paths)


def _parts(description: str) -> tuple[str, dict[str, Any]]:
    """Return the words of a description, and the JSON object that is it or ends it."""
    start = 0 if description.startswith("{") else description.find(' {"')
    if start >= 0:
        try:
            known = json.loads(description[start:])
        except ValueError:
            known = None
        if isinstance(known, dict):
            return description[:start], known
    return description, {}


def _joined(text: str, known: dict[str, Any]) -> str:
    if not known:
        return text
    separators = (", ", ": ") if INGRESS in known else (",", ":")
    written = json.dumps(known, separators=separators, ensure_ascii=False)
    for plain, escaped in ESCAPES:
        written = written.replace(plain, escaped)
    return f"{text} {written}" if text else written
