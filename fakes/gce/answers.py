"""Which function answers which method that changes nothing: one table."""

from collections.abc import Callable, Mapping
from typing import Final

from fakes.gce import membership, reads
from fakes.gce.cloud import Call, Cloud
from fakes.gce.wire import Json

# keyed by verb, or by kind and verb where one kind differs
READS: Final[Mapping[str, Callable[[Cloud, Call, float], Json]]] = {
    "get": reads.get,
    "list": reads.list_,
    "aggregatedList": reads.aggregated,
    "getHealth": membership.health,
    "listInstances": membership.instances_of_group,
    "listNetworkEndpoints": membership.endpoints_of_group,
    "validate": reads.validate,
    "testIamPermissions": reads.permissions,
    "getRule": reads.policy_rule,
    "backendServices.listUsable": reads.list_,
    "listAvailableFeatures": reads.ssl_features,
    "projects.get": reads.project,
}
