"""What proves that a resource is ours: its name, and the grammar of its description.

A name prefix is not proof. A grammar, not equality: the Service that a description names may be
gone. Anything that fails a rule is left alone.
"""

import re
from collections.abc import Container
from typing import Final

import msgspec
from msgspec import UNSET

from glbc.model.compute import NetworkEndpointGroup, Spec
from glbc.model.graph import Ownership
from glbc.model.keys import Kind, ResourceKey
from glbc.model.record import ORPHANED, users_in, with_record
from glbc.model.views import Snapshot
from glbc.naming import Identity, Namer, Role, Scheme

OF_PODS: Final = "GCE_VM_IP_PORT"  # GKE's groups for Services of layer 4 are of another type

_NOTHING: Final = re.compile(r"")
_ORPHAN: Final = re.compile(rf'(\{{"{re.escape(ORPHANED)}":"[^"/]+/[^"/]+"\}})?')
_INGRESS: Final = re.compile(r'\{"kubernetes\.io/ingress-name": ?"[^"/]+/[^"/]+"\}')

GRAMMAR: Final[dict[Kind, re.Pattern[str]]] = {
    # What ingress-gce or we write there (reference: resource bodies).
    Kind.HEALTH_CHECK: re.compile(
        r"Default kubernetes L7 Loadbalancing health check( for [A-Za-z ]+)?\."
        r"|Kubernetes L7 health check generated with readiness probe settings\."
        r'|\{\s*"k8sCluster":.*"k8sResource":.*\}',
        re.DOTALL,
    ),
    Kind.BACKEND_SERVICE: re.compile(r'\{"kubernetes\.io/service-name":"[^"/]+/[^"/]+".*\}'),
    Kind.TARGET_HTTP_PROXY: _INGRESS,
    Kind.TARGET_HTTPS_PROXY: _INGRESS,
    Kind.FORWARDING_RULE: _INGRESS,
    Kind.FIREWALL: re.compile(r"GCE L7 firewall rule"),
    Kind.NETWORK_ENDPOINT_GROUP: re.compile(
        r'\{"cluster-uid":"(?P<cluster>[^"]+)","namespace":"[^"]+","service-name":"[^"]+","port":"[^"]+"\}'
    ),
    # These have no description of ours: empty fits.
    Kind.INSTANCE_GROUP: _NOTHING,
    Kind.URL_MAP: _ORPHAN,
    Kind.SSL_CERTIFICATE: _NOTHING,
    Kind.ADDRESS: _NOTHING,
}


def known_names(snapshot: Snapshot, namer: Namer) -> frozenset[str]:
    """Return the front-end names that the cluster's Ingresses have under either scheme."""
    return frozenset(
        name
        for ingress in snapshot.ingresses.values()
        for scheme in Scheme
        for name in msgspec.structs.astuple(
            namer.frontend(scheme, ingress.metadata.namespace, ingress.metadata.name)
        )
        if name
    )


def ownership_of(key: ResourceKey, spec: Spec, namer: Namer, known: Container[str]) -> Ownership:
    """Return whose a resource is.

    Args:
        key: what it is called.
        spec: what was read of it.
        namer: makes our names, and reads them back.
        known: the front-end names of the Ingresses that the cluster has now. A name that is too
            short to hold our whole identity is ours only when one of them has it.
    """
    description = "" if spec.description is UNSET else with_record(spec.description, ())
    if key.kind == Kind.NETWORK_ENDPOINT_GROUP:  # people may name it: the description is the proof
        found = GRAMMAR[Kind.NETWORK_ENDPOINT_GROUP].fullmatch(description)
        of_pods = isinstance(spec, NetworkEndpointGroup) and spec.network_endpoint_type == OF_PODS
        proved = of_pods and found is not None and found["cluster"] == namer.kube_system_uid
        return Ownership.OWNED if proved else Ownership.FOREIGN
    parsed = namer.parse(key.name)
    if parsed is None or key.kind not in parsed.collections:
        return Ownership.FOREIGN
    fits = GRAMMAR[Kind(key.kind)].fullmatch(description) is not None
    if parsed.role is Role.NEG and parsed.identity is Identity.PARTIAL:
        return Ownership.OWNED if fits and _proves(key, description, namer) else Ownership.FOREIGN
    if parsed.identity is not Identity.FULL and key.name not in known:
        return Ownership.FOREIGN
    return Ownership.OWNED if fits else Ownership.ADOPTABLE


def _proves(key: ResourceKey, description: str, namer: Namer) -> bool:
    """Tell whether what is called like an endpoint group is ours, though its name has half our uid.

    Of a backend service name and description have to be about the same Service (ADR 14).
    """
    if key.kind != Kind.BACKEND_SERVICE:
        return True
    namespace, _, service = users_in(description).removeprefix("service ").partition("/")
    return namer.is_neg_of(key.name, namespace, service)
