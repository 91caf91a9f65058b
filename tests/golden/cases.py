"""Golden cases of translation: Kubernetes objects in, the desired graph as people read it out."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, get_args

import msgspec
import yaml

from glbc.config import Config, parse
from glbc.model import codec
from glbc.model.compute import UrlMap
from glbc.model.configs import Credential
from glbc.model.graph import Resource
from glbc.model.keys import Kind, parse_link
from glbc.model.views import VIEWS, Hints, Identity, Snapshot, decode_hook
from glbc.naming import Namer
from glbc.translate.desired import Desired, translate

TLS = "kubernetes.io/tls"
PRIVATE = {"privateKey", "oauth2ClientSecret", "keyValue"}
HERE = Path(__file__).parent / "translate"
VIEW_OF = {
    kind: field.name
    for field in msgspec.structs.fields(Snapshot)
    for kind, view in VIEWS.items()
    if view in get_args(field.type)
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
    read: dict[str, Credential | None] = {}
    for manifest in manifests:
        meta, kind = manifest["metadata"], manifest["kind"]
        name = f"{meta['namespace']}/{meta['name']}" if meta.get("namespace") else meta["name"]
        if kind == "Secret":  # read by name when somebody names it, whatever its type
            read[name] = msgspec.convert(manifest, Credential, dec_hook=decode_hook)
        if kind != "Secret" or manifest.get("type", TLS) == TLS:
            view = msgspec.convert(manifest, VIEWS[kind], dec_hook=decode_hook)
            views[VIEW_OF[kind]][name] = view
    return Snapshot(**views, credentials=read, complete=frozenset(complete))


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
    """Return everything that is sent for a resource: the insert's body, and what is set after it.

    A private value is sent, but no golden file shows one.
    """
    late = codec.encode(resource.key.kind, resource.spec)
    shown: dict[str, Any] = _shown({**codec.body_of(resource.key, resource.spec), **late})
    return shown


def _shown(value: Any) -> Any:
    if isinstance(value, dict):
        return {n: "(private)" if n in PRIVATE else _shown(inner) for n, inner in value.items()}
    return [_shown(item) for item in value] if isinstance(value, list) else value


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
