"""Annotations of Ingresses to what guards ask: who is protected, who is paused, what is agreed to."""

from glbc.config import Config
from glbc.model.finding import ObjectRef
from glbc.model.keys import ResourceKey
from glbc.model.views import Ingress, Snapshot
from glbc.model.wishes import Wishes
from glbc.naming import Namer
from glbc.translate import annotations
from glbc.translate.desired import Desired
from glbc.translate.leaving import leaving_front


def wishes_of(snapshot: Snapshot, desired: Desired, namer: Namer, config: Config) -> Wishes:
    """Return what is said of the Ingresses that are served, and of those that leave."""
    front: dict[ResourceKey, ObjectRef] = {}
    ours: list[Ingress] = []
    for name, served in desired.served.items():
        if (ingress := snapshot.ingresses.get(name)) is not None:
            ours.append(ingress)
            front.update(dict.fromkeys(served.keys.all(), ingress.ref))
    for name in desired.leaving:
        ingress = snapshot.ingresses[name]
        ours.append(ingress)
        for key in leaving_front(ingress, namer, config):
            front.setdefault(key, ingress.ref)
    return Wishes(
        front=front,
        protected=frozenset(one.ref for one in ours if _says(one, annotations.PROTECT)),
        paused=frozenset(one.ref for one in ours if is_paused(one)),
        leaving=frozenset(snapshot.ingresses[name].ref for name in desired.leaving),
        deleted=frozenset(one.ref for one in ours if one.metadata.deletion_timestamp is not None),
        published=frozenset(one.ref for one in ours if one.address),
        uids={one.ref: one.metadata.uid for one in ours},
        agreed={one.ref: codes for one in ours if (codes := _codes(one))},
    )


def is_paused(ingress: Ingress) -> bool:
    """Tell whether nothing is to be done about the Ingress."""
    return _says(ingress, annotations.PAUSE)


def _says(ingress: Ingress, key: str) -> bool:
    return annotations.flag(ingress.metadata, key, default=False)


def _codes(ingress: Ingress) -> frozenset[str]:
    words = annotations.text(ingress.metadata, annotations.ACKNOWLEDGE).split(",")
    return frozenset(word.strip() for word in words) - {""}
