"""An Ingress that leaves: which parts of a front end may be its own, and what it leaves on purpose."""

from collections.abc import Iterator

import msgspec

from glbc.config import Config
from glbc.model.graph import Resource, wanted
from glbc.model.keys import Kind, ResourceKey
from glbc.model.record import recorded, with_orphan
from glbc.model.views import Hints, Ingress
from glbc.naming import Namer, is_valid_name, scheme_of
from glbc.translate import annotations
from glbc.translate.lower import FrontEndKeys


def leaving_front(ingress: Ingress, namer: Namer, config: Config) -> tuple[ResourceKey, ...]:
    """Return every part of a front end that may exist under the names of an Ingress that leaves."""
    scheme = scheme_of(ingress.metadata.finalizers or ())
    if scheme is None:
        return ()
    names = namer.frontend(scheme, ingress.metadata.namespace, ingress.metadata.name)
    if not is_valid_name(names.url_map):
        return ()  # Compute Engine refuses such a name, so nothing can have it
    return FrontEndKeys.of(names, config).all()


def leaves_it_behind(ingress: Ingress) -> bool:
    """Tell whether the Ingress is deleted and its load balancer, which serves, is to serve on."""
    serves = bool(ingress.address) and ingress.metadata.deletion_timestamp is not None
    return serves and annotations.flag(ingress.metadata, annotations.ORPHAN, default=False)


def marked(ingress: Ingress, keys: tuple[ResourceKey, ...], hints: Hints) -> Iterator[Resource]:
    """Yield the URL maps of an Ingress as they serve now, with the mark that keeps all of it."""
    name = f"{ingress.metadata.namespace}/{ingress.metadata.name}"
    for key in keys:
        live = hints.url_maps.get(key) if key.kind == Kind.URL_MAP else None
        if live is not None:
            there = live.description or ""
            spec = msgspec.structs.replace(live, description=with_orphan(there, name))
            asked = {path: str(ingress.ref) for path in recorded(there)}
            yield wanted(key, spec, enforced=asked, wanted_by=[ingress.ref])
