"""How the Compute Engine library spells each kind: data only, a new kind or scope is a row.

The library's names follow rules (a request message is verb + noun + `Request`, a body is the name
field + `_resource`), so a row holds the three words that differ. Every row is checked against the
real library by a test.
"""

from enum import StrEnum
from functools import cache
from typing import Final

import msgspec

from glbc.model.calls import Verb
from glbc.model.keys import Kind, ResourceKey


class Where(StrEnum):
    """The types of scope; the value is the first segment of a `Scope`."""

    GLOBAL = "global"
    REGION = "regions"
    ZONE = "zones"


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One collection at one type of scope."""

    clients: str  # the client class without `Client`; list messages are named after it
    noun: str  # one resource in the names of messages
    field: str  # the request field that takes the resource's name
    verbs: frozenset[Verb] = frozenset()
    aggregated: bool = False  # listed over all scopes at once

    @property
    def client(self) -> str:
        """The name of the client class."""
        return f"{self.clients}Client"


class Mutation(msgspec.Struct, frozen=True):
    """How a verb is called; `{field}` stands for the row's name field."""

    method: str
    message: str  # the first word of the request message
    body: str  # the request field that takes the body; "" when there is none
    query: tuple[tuple[str, str], ...] = ()  # the API's parameter, the request field that takes it

    def request(self, row: Row) -> str:
        """Return the name of the request message."""
        return f"{self.message}{row.noun}Request"

    def body_field(self, row: Row) -> str:
        """Return the request field that takes the body, "" when there is none."""
        return self.body.format(field=row.field)


PLACE_FIELD: Final = {Where.REGION: "region", Where.ZONE: "zone"}

MUTATIONS: Final = {
    Verb.INSERT: Mutation("insert_unary", "Insert", "{field}_resource"),
    Verb.PATCH: Mutation("patch_unary", "Patch", "{field}_resource"),
    Verb.UPDATE: Mutation("update_unary", "Update", "{field}_resource"),
    Verb.DELETE: Mutation("delete_unary", "Delete", ""),
    Verb.SET_NAMED_PORTS: Mutation(
        "set_named_ports_unary",
        "SetNamedPorts",
        "instance_groups_set_named_ports_request_resource",
    ),
    Verb.ADD_INSTANCES: Mutation(
        "add_instances_unary", "AddInstances", "instance_groups_add_instances_request_resource"
    ),
    Verb.REMOVE_INSTANCES: Mutation(
        "remove_instances_unary",
        "RemoveInstances",
        "instance_groups_remove_instances_request_resource",
    ),
    Verb.ATTACH_ENDPOINTS: Mutation(
        "attach_network_endpoints_unary",
        "AttachNetworkEndpoints",
        "network_endpoint_groups_attach_endpoints_request_resource",
    ),
    Verb.DETACH_ENDPOINTS: Mutation(
        "detach_network_endpoints_unary",
        "DetachNetworkEndpoints",
        "network_endpoint_groups_detach_endpoints_request_resource",
    ),
    Verb.SET_URL_MAP: Mutation("set_url_map_unary", "SetUrlMap", "url_map_reference_resource"),
    Verb.SET_SSL_CERTIFICATES: Mutation(
        "set_ssl_certificates_unary",
        "SetSslCertificates",
        "target_https_proxies_set_ssl_certificates_request_resource",
    ),
    Verb.SET_TARGET: Mutation("set_target_unary", "SetTarget", "target_reference_resource"),
    Verb.SET_SSL_POLICY: Mutation(
        "set_ssl_policy_unary", "SetSslPolicy", "ssl_policy_reference_resource"
    ),
    Verb.SET_SECURITY_POLICY: Mutation(
        "set_security_policy_unary", "SetSecurityPolicy", "security_policy_reference_resource"
    ),
    Verb.ADD_SIGNED_URL_KEY: Mutation(
        "add_signed_url_key_unary", "AddSignedUrlKey", "signed_url_key_resource"
    ),
    Verb.DELETE_SIGNED_URL_KEY: Mutation(
        "delete_signed_url_key_unary",
        "DeleteSignedUrlKey",
        "",
        query=(("keyName", "key_name"),),
    ),
}

MAKE: Final = frozenset({Verb.INSERT, Verb.DELETE})
EDIT: Final = MAKE | {Verb.PATCH}
REPLACE: Final = EDIT | {Verb.UPDATE}

ROWS: Final[dict[tuple[str, Where], Row]] = {
    (Kind.HEALTH_CHECK, Where.GLOBAL): Row(
        clients="HealthChecks", noun="HealthCheck", field="health_check", verbs=REPLACE
    ),
    (Kind.INSTANCE_GROUP, Where.ZONE): Row(
        clients="InstanceGroups",
        noun="InstanceGroup",
        field="instance_group",
        verbs=MAKE | {Verb.SET_NAMED_PORTS, Verb.ADD_INSTANCES, Verb.REMOVE_INSTANCES},
        aggregated=True,
    ),
    (Kind.NETWORK_ENDPOINT_GROUP, Where.ZONE): Row(
        clients="NetworkEndpointGroups",
        noun="NetworkEndpointGroup",
        field="network_endpoint_group",
        verbs=MAKE | {Verb.ATTACH_ENDPOINTS, Verb.DETACH_ENDPOINTS},
        aggregated=True,
    ),
    (Kind.BACKEND_SERVICE, Where.GLOBAL): Row(
        clients="BackendServices",
        noun="BackendService",
        field="backend_service",
        verbs=REPLACE
        | {Verb.SET_SECURITY_POLICY, Verb.ADD_SIGNED_URL_KEY, Verb.DELETE_SIGNED_URL_KEY},
    ),
    (Kind.URL_MAP, Where.GLOBAL): Row(
        clients="UrlMaps", noun="UrlMap", field="url_map", verbs=REPLACE
    ),
    (Kind.TARGET_HTTP_PROXY, Where.GLOBAL): Row(
        clients="TargetHttpProxies",
        noun="TargetHttpProxy",
        field="target_http_proxy",
        verbs=EDIT | {Verb.SET_URL_MAP},
    ),
    (Kind.TARGET_HTTPS_PROXY, Where.GLOBAL): Row(
        clients="TargetHttpsProxies",
        noun="TargetHttpsProxy",
        field="target_https_proxy",
        verbs=EDIT | {Verb.SET_URL_MAP, Verb.SET_SSL_CERTIFICATES, Verb.SET_SSL_POLICY},
    ),
    (Kind.SSL_CERTIFICATE, Where.GLOBAL): Row(
        clients="SslCertificates", noun="SslCertificate", field="ssl_certificate", verbs=MAKE
    ),
    (Kind.FORWARDING_RULE, Where.GLOBAL): Row(
        clients="GlobalForwardingRules",
        noun="GlobalForwardingRule",
        field="forwarding_rule",
        verbs=EDIT | {Verb.SET_TARGET},
    ),
    (Kind.ADDRESS, Where.GLOBAL): Row(
        clients="GlobalAddresses", noun="GlobalAddress", field="address", verbs=MAKE
    ),
    (Kind.FIREWALL, Where.GLOBAL): Row(
        clients="Firewalls", noun="Firewall", field="firewall", verbs=REPLACE
    ),
    (Kind.SECURITY_POLICY, Where.GLOBAL): Row(
        clients="SecurityPolicies", noun="SecurityPolicy", field="security_policy"
    ),
    (Kind.SSL_POLICY, Where.GLOBAL): Row(
        clients="SslPolicies", noun="SslPolicy", field="ssl_policy"
    ),
    (Kind.INSTANCE, Where.ZONE): Row(
        clients="Instances", noun="Instance", field="instance", aggregated=True
    ),
}

OPERATIONS: Final = {
    Where.GLOBAL: Row(
        clients="GlobalOperations", noun="GlobalOperation", field="operation", aggregated=True
    ),
    Where.REGION: Row(clients="RegionOperations", noun="RegionOperation", field="operation"),
    Where.ZONE: Row(clients="ZoneOperations", noun="ZoneOperation", field="operation"),
}

PROJECT: Final = Row(clients="Projects", noun="Project", field="project")
WRITTEN: Final = frozenset(place for (_, place), row in ROWS.items() if row.verbs)
"""The types of scope in which something is written."""

CLIENTS: Final = tuple(
    sorted({row.client for row in (*ROWS.values(), *OPERATIONS.values(), PROJECT)})
)
WORDS: Final = {
    word: row.clients
    for row in (*ROWS.values(), *OPERATIONS.values(), PROJECT)
    for word in (row.noun, row.clients)
}


@cache
def method_of(message: str) -> str:
    """Return what the API calls the method of a request message: `backendServices.insert`."""
    text = message.removesuffix("Request")
    word = max((word for word in WORDS if text.endswith(word)), key=len)
    return f"{_small(WORDS[word])}.{_small(text.removesuffix(word))}"


def _small(word: str) -> str:
    return word[:1].lower() + word[1:]


def where(key: ResourceKey) -> Where:
    """Return the type of the scope that `key` lives in."""
    return Where(key.scope.partition("/")[0])


def row_of(key: ResourceKey) -> Row:
    """Return the row of `key`'s kind and scope.

    Raises:
        ValueError: glbc does not touch that collection.
    """
    row = ROWS.get((key.kind, where(key)))
    if row is None:
        raise ValueError(f"{key}: glbc does not work with {key.kind} of {key.scope}")
    return row


def rows_of(kind: str) -> dict[Where, Row]:
    """Return the rows of a kind, by type of scope.

    Raises:
        ValueError: glbc does not touch that collection.
    """
    rows = {place: row for (row_kind, place), row in ROWS.items() if row_kind == kind}
    if not rows:
        raise ValueError(f"{kind}: glbc does not work with this kind")
    return rows


def address(row: Row, key: ResourceKey) -> dict[str, str]:
    """Return the request fields that say which resource is meant."""
    return {**parent(key), row.field: key.name}


def parent(key: ResourceKey) -> dict[str, str]:
    """Return the request fields that say which collection `key` lives in."""
    place = PLACE_FIELD.get(where(key))
    scope = {place: key.scope.partition("/")[2]} if place else {}
    return {"project": key.project, **scope}
