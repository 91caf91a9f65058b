"""Discovery in both spellings: aggregated (kubectl) and legacy (`auth can-i`, the dynamic client)."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from fakes.kube.errors import Obj, no_such_path
from fakes.kube.kinds import Kind

AGGREGATED: Final = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
VERSION: Final = {
    "major": "1",
    "minor": "37",
    "gitVersion": "v1.37.0-fake",
    "gitCommit": "",
    "gitTreeState": "clean",
    "buildDate": "2026-01-01T00:00:00Z",
    "goVersion": "none",
    "compiler": "none",
    "platform": "linux/amd64",
}
_SUB_VERBS: Final = ("get", "patch", "update")
_EVICTION: Final = "eviction"  # is only created


def groups(kinds: Iterable[Kind]) -> dict[str, dict[str, list[Kind]]]:
    """Return the rows by group and version, in the order of the table; the first is preferred."""
    found: dict[str, dict[str, list[Kind]]] = {}
    for kind in kinds:
        found.setdefault(kind.group, {}).setdefault(kind.version, []).append(kind)
    return found


def _subresources(kind: Kind) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the name of a subresource and the kind it speaks."""
    if kind.status:
        yield "status", {"group": kind.group, "version": kind.version, "kind": kind.kind}
    if kind.scale:
        yield "scale", {"group": "autoscaling", "version": "v1", "kind": "Scale"}
    if kind.eviction:
        yield _EVICTION, {"group": "policy", "version": "v1", "kind": "Eviction"}


def _sub_verbs(name: str) -> list[str]:
    return ["create"] if name == _EVICTION else list(_SUB_VERBS)


def aggregated(kinds: Iterable[Kind], *, core: bool) -> Obj:
    """Return the answer of /api or /apis in the aggregated form."""
    items = [
        {
            "metadata": {"name": group, "creationTimestamp": None},
            "versions": [
                {
                    "version": version,
                    "freshness": "Current",
                    "resources": [_aggregated(kind) for kind in rows],
                }
                for version, rows in versions.items()
            ],
        }
        for group, versions in groups(kinds).items()
        if (group == "") is core
    ]
    if core:
        items[0]["metadata"] = {"creationTimestamp": None}
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {},
        "items": items,
    }


def _aggregated(kind: Kind) -> Obj:
    row: dict[str, Any] = {
        "resource": kind.plural,
        "responseKind": {"group": kind.group, "version": kind.version, "kind": kind.kind},
        "scope": "Namespaced" if kind.namespaced else "Cluster",
        "singularResource": kind.single,
        "verbs": list(kind.verbs),
    }
    if kind.short:
        row["shortNames"] = list(kind.short)
    if kind.categories:
        row["categories"] = list(kind.categories)
    subresources = [
        {"subresource": name, "responseKind": speaks, "verbs": _sub_verbs(name)}
        for name, speaks in _subresources(kind)
    ]
    return row | ({"subresources": subresources} if subresources else {})


def api_versions() -> Obj:
    """Return the answer of /api in the legacy form."""
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}


def group(kinds: Iterable[Kind], name: str) -> Obj:
    """Return the answer of /apis/G; raise 404."""
    versions = groups(kinds).get(name)
    if versions is None or not name:
        raise no_such_path()
    listed = [{"groupVersion": f"{name}/{one}", "version": one} for one in versions]
    return {
        "kind": "APIGroup",
        "apiVersion": "v1",
        "name": name,
        "versions": listed,
        "preferredVersion": listed[0],
    }


def group_list(kinds: list[Kind]) -> Obj:
    """Return the answer of /apis in the legacy form."""
    names = [name for name in groups(kinds) if name]
    listed = [group(kinds, name) for name in names]
    for one in listed:
        one.pop("kind")
        one.pop("apiVersion")
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": listed}


def resource_list(kinds: Iterable[Kind], api_version: str) -> Obj:
    """Return the answer of /api/v1 or /apis/G/V; raise 404."""
    rows: list[Obj] = []
    for kind in kinds:
        if kind.api_version != api_version:
            continue
        row: dict[str, Any] = {
            "name": kind.plural,
            "singularName": kind.single,
            "namespaced": kind.namespaced,
            "kind": kind.kind,
            "verbs": list(kind.verbs),
        }
        if kind.short:
            row["shortNames"] = list(kind.short)
        if kind.categories:
            row["categories"] = list(kind.categories)
        rows.append(row)
        for name, speaks in _subresources(kind):
            sub = {
                "name": f"{kind.plural}/{name}",
                "singularName": "",
                "namespaced": kind.namespaced,
                "kind": speaks["kind"],
                "verbs": _sub_verbs(name),
            }
            if speaks["group"] != kind.group:
                sub |= {"group": speaks["group"], "version": speaks["version"]}
            rows.append(sub)
    if not rows:
        raise no_such_path()
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": api_version,
        "resources": rows,
    }


def legacy(kinds: list[Kind], parts: list[str]) -> Obj:
    """Return the answer of a discovery URL in the legacy form; raise 404."""
    match parts:
        case ["api"]:
            return api_versions()
        case ["version"]:
            return VERSION
        case ["apis"]:
            return group_list(kinds)
        case ["api", version]:
            return resource_list(kinds, version)
        case ["apis", name]:
            return group(kinds, name)
        case ["apis", name, version]:
            return resource_list(kinds, f"{name}/{version}")
    raise no_such_path()
