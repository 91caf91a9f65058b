"""ServiceNetworkEndpointGroup: what is told of a Service port's endpoint groups, as ingress-gce tells it.

Nothing here says what is wanted; others read it, and ingress-gce when it takes over again.
"""

from typing import Final

import msgspec

from glbc.model.view import Meta, View

KIND: Final = "ServiceNetworkEndpointGroup"
FINALIZER: Final = "networking.gke.io/neg-finalizer"
MANAGED_BY: Final = "networking.gke.io/managed-by"
MANAGER: Final = "neg-controller"
SERVICE_NAME: Final = "networking.gke.io/service-name"
SERVICE_PORT: Final = "networking.gke.io/service-port"


class GroupReference(View, frozen=True):
    """status.networkEndpointGroups[]; "" is not sent."""

    id: str = ""  # the cloud's number of the group
    self_link: str = ""
    subnet_url: str = msgspec.field(name="subnetURL", default="")
    network_endpoint_type: str = ""  # GCE_VM_IP_PORT
    state: str = ""  # ACTIVE | INACTIVE: no node of the zone may get traffic


class GroupCondition(View, frozen=True):
    """status.conditions[]."""

    type: str  # Initialized | Synced
    status: str = ""  # True | False
    reason: str = ""
    message: str = ""
    last_transition_time: str = ""  # RFC 3339, whole seconds; "": now


class GroupStatus(View, frozen=True):
    """Status; `lastSyncTime` is written with it and never looked at."""

    network_endpoint_groups: tuple[GroupReference, ...] | None = None
    conditions: tuple[GroupCondition, ...] | None = None


class GroupRecord(View, frozen=True):
    """networking.gke.io/v1beta1 ServiceNetworkEndpointGroup; called like the groups, in all zones."""

    metadata: Meta
    status: GroupStatus = GroupStatus()
