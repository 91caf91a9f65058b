"""Ingresses of class `gce-multi-cluster`: somebody else's, who uses what looks like ours.

Another controller builds their load balancers on this cluster's instance groups and named ports, and
on its endpoint groups (igce#836). They are ignored, and nothing that could be theirs is ever collected;
whose pods are in an endpoint group is kept right.
"""

from typing import Final

import msgspec

from glbc.config import Config
from glbc.model.keys import GLOBAL, Kind, ResourceKey
from glbc.model.views import Ingress, Snapshot
from glbc.naming import Namer, Scheme
from glbc.translate import annotations, cluster, firewall
from glbc.translate.lower import FrontEndKeys
from glbc.translate.reading import services_of

CLASS: Final = "gce-multi-cluster"


class Others(msgspec.Struct, frozen=True):
    """What is theirs to want."""

    keys: frozenset[ResourceKey] = frozenset()  # left as they are
    node_ports: frozenset[int] = frozenset()  # named in every group that we keep


def is_multi_cluster(ingress: Ingress) -> bool:
    """Tell whether it is one of them; one that is being deleted is not any more."""
    legacy = annotations.text(ingress.metadata, annotations.CLASS)
    return legacy == CLASS and ingress.metadata.deletion_timestamp is None


def others(snapshot: Snapshot, namer: Namer, config: Config) -> Others:
    """Return what the multi-cluster Ingresses of a cluster may use."""
    found = [one for one in snapshot.ingresses.values() if is_multi_cluster(one)]
    if not found:
        return Others()
    nodes, _ = cluster.machines(snapshot)
    keys = {firewall.key(namer, config), *cluster.group_keys(nodes, namer, config)}
    services = {name for one in found for name in services_of(one, config)}
    ports = [
        (service.metadata, port)
        for name in services
        if (service := snapshot.services.get(name))
        for port in service.spec.ports or ()
    ]
    node_ports = {port.node_port for _, port in ports if port.node_port}
    groups = {namer.neg(meta.namespace, meta.name, port.port) for meta, port in ports}
    for name in (*map(namer.backend, node_ports), *groups):
        for kind in (Kind.BACKEND_SERVICE, Kind.HEALTH_CHECK):
            keys.add(ResourceKey(config.project, kind, GLOBAL, name))
    for one in found:
        for scheme in Scheme:
            names = namer.frontend(scheme, one.metadata.namespace, one.metadata.name)
            keys.update(FrontEndKeys.of(names, config).all())
    return Others(frozenset(keys), frozenset(node_ports))
