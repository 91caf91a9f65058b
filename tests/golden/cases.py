"""Golden cases of translation: Kubernetes objects in, the desired graph as people read it out."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import yaml

from glbc.config import Config, parse
from glbc.model import codec
from glbc.model.compute import UrlMap
from glbc.model.graph import Resource
from glbc.model.keys import Kind, parse_link
from glbc.model.views import VIEWS, Hints, Identity, Snapshot
from glbc.naming import Namer
from glbc.translate.desired import Desired, translate

HERE = Path(__file__).parent / "translate"
VIEW_OF = {
    "Ingress": "ingresses",
    "Service": "services",
    "Node": "nodes",
    "IngressClass": "ingress_classes",
    "Pod": "pods",
}
UID = "16f2a1b3c4d5e6f7"
KUBE_SYSTEM = "6d1f3c1e-7a55-4a3f-9d0a-2f4c7f0b9a11"


class GivenHints(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Hints as a case writes them: REST bodies and partial links."""

    url_maps: tuple[dict[str, Any], ...] = ()
    balancing: str = ""
    refused: tuple[str, ...] = ()
    instance_tags: dict[str, tuple[str, ...]] = {}


class Case(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """The optional first document: what differs from the usual cluster."""

    kind: str = "Case"
    about: str = ""
    config: dict[str, Any] = {}
    identity: Identity = Identity(UID, KUBE_SYSTEM)
    hints: GivenHints = GivenHints()
    complete: frozenset[str] = frozenset(VIEWS)


def snapshot_of(
    manifests: Iterable[Mapping[str, Any]], complete: Iterable[str] = VIEWS
) -> Snapshot:
    """Return the snapshot of a cluster that holds these objects."""
    views: dict[str, dict[str, Any]] = {name: {} for name in VIEW_OF.values()}
    for manifest in manifests:
        view = msgspec.convert(manifest, VIEWS[manifest["kind"]])
        where = view.metadata.namespace
        name = f"{where}/{view.metadata.name}" if where else view.metadata.name
        views[VIEW_OF[manifest["kind"]]][name] = view
    return Snapshot(**views, complete=frozenset(complete))


def config_of(**settings: Any) -> Config:
    """Return a configuration of project `p`, whose nodes are tagged `gke-node`."""
    usual = {"project": "p", "node_tags": ["gke-node"]}
    return parse("", "test", {**usual, **settings})


def translated(path: Path) -> tuple[Desired, str]:
    """Return what the objects of a file come to, and the case's sentence."""
    first, *rest = documents = list(yaml.safe_load_all(path.read_text()))
    given = first["kind"] == "Case"
    case = msgspec.convert(first if given else {}, Case, strict=False)
    config = config_of(**case.config)
    namer = Namer(*msgspec.structs.astuple(case.identity))
    hints = Hints(
        url_maps={
            codec.key_of(Kind.URL_MAP, body, config.project): codec.decode(
                UrlMap, body, config.project
            )
            for body in case.hints.url_maps
        },
        balancing=case.hints.balancing,
        refused=frozenset(parse_link(link, config.project) for link in case.hints.refused),
        instance_tags=case.hints.instance_tags,
    )
    snapshot = snapshot_of(rest if given else documents, case.complete)
    return translate(snapshot, hints, namer, config), case.about


def sent(resource: Resource) -> dict[str, Any]:
    """Return everything that is sent for a resource: the insert's body, and what is set after it."""
    late = codec.encode(resource.key.kind, resource.spec)
    return {**codec.body_of(resource.key, resource.spec), **late}


def as_text(desired: Desired, about: str) -> str:
    """Return the desired graph as its golden file says it."""
    told = {
        "resources": [
            {
                "kind": str(node.key.kind),
                "scope": str(node.key.scope),
                "wantedBy": [str(owner) for owner in node.wanted_by],
                "body": sent(node),
            }
            for node in sorted(desired.graph, key=lambda node: node.key)
        ],
        "findings": [
            {
                "object": str(finding.object),
                "reason": str(finding.reason),
                "severity": str(finding.severity),
                "field": finding.field,
                "message": finding.message,
                "hint": finding.hint,
            }
            for finding in desired.findings
        ],
        "keep": [str(key) for key in sorted(desired.keep)],
        "served": {
            name: {"finalizer": served.finalizer, "programmed": served.programmed}
            for name, served in desired.served.items()
        },
        "leaving": sorted(desired.leaving),
    }
    text = yaml.safe_dump(told, sort_keys=False, width=100, allow_unicode=True)
    return f"# {about}\n{text}" if about else text
