"""What glbc may do in the cloud: the roles of deploy/ are made of the table of methods, and held here."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from glbc.gcp import table
from glbc.gcp.table import Row
from glbc.model.calls import Verb
from glbc.model.keys import Kind
from glbc.model.kinds import MANAGED, ROWS

DEPLOY = Path(__file__).parents[2] / "deploy"
ROLE = DEPLOY / "iam-role.yaml"
HOST_ROLE = DEPLOY / "iam-role-host.yaml"
# What the API demands for a method, where it is not a permission of the method's own name. A patch
# reads what it changes.
WORDS = {
    Verb.INSERT: ("create",),
    Verb.PATCH: ("get", "update"),
    Verb.SET_NAMED_PORTS: ("update",),
    Verb.ADD_INSTANCES: ("update",),
    Verb.REMOVE_INSTANCES: ("update",),
}
# What it demands of a resource that another one refers to, where it is not `use`.
REFERRED = {Kind.HEALTH_CHECK: "useReadOnly", Kind.SSL_CERTIFICATE: "get"}
# What endpoint groups demand of the network that they are in, and of their subnetwork.
STANDING_IN = frozenset({"compute.networks.use", "compute.subnetworks.use"})
NOBODY_REFERS_TO = {Kind.FORWARDING_RULE, Kind.FIREWALL}


def permission(row: Row, word: str) -> str:
    return f"compute.{row.clients[0].lower()}{row.clients[1:]}.{word}"


def used(kind: Kind) -> set[Verb]:
    """The verbs that a kind needs: it is patched only if a field that glbc keeps true is patched."""
    row = ROWS[kind]
    fields = set(row.spec.__struct_fields__) - row.immutable - row.initial - row.local
    patched = (fields - row.setters.keys()) | ({"description"} if row.recorded else set())
    return set(Verb) - (set() if patched else {Verb.PATCH, Verb.UPDATE})


def of_row(kind: str, row: Row) -> Iterator[str]:
    """What glbc needs for one kind: to list it, to write it, to refer to it."""
    yield permission(row, "list")
    for verb in row.verbs if kind not in MANAGED else row.verbs & used(Kind(kind)):
        for word in WORDS.get(verb, (verb.value,)):
            yield permission(row, word)
    if row.verbs:
        yield permission(row, "get")
    if kind not in NOBODY_REFERS_TO:
        yield permission(row, REFERRED.get(Kind(kind), "use"))
    if kind == Kind.FIREWALL:
        yield "compute.networks.updatePolicy"
    if kind == Kind.NETWORK_ENDPOINT_GROUP:
        yield from STANDING_IN


def permissions(kinds: frozenset[str], more: frozenset[str]) -> list[str]:
    rows = {(kind, place): row for (kind, place), row in table.ROWS.items() if kind in kinds}
    found = {one for (kind, _), row in rows.items() for one in of_row(kind, row)}
    places = {place for (_, place), row in rows.items() if row.verbs}
    waits = {permission(table.OPERATIONS[place], "get") for place in places}
    lists = {permission(row, "list") for row in table.OPERATIONS.values() if row.aggregated}
    return sorted(found | more | waits | lists | {permission(table.PROJECT, "get")})


def role(
    title: str,
    description: str,
    kinds: frozenset[str],
    create: str,
    more: frozenset[str] = frozenset(),
) -> str:
    listed = "\n".join(f"  - {one}" for one in permissions(kinds, more))
    return (
        "# Generated from the table of cloud methods by tests/walls: do not edit.\n"
        f"#   {create}\n"
        f"title: {title}\n"
        f"description: {description}\n"
        "stage: GA\n"
        f"includedPermissions:\n{listed}\n"
    )


ALL = frozenset(kind for kind, _ in table.ROWS)
ROLES = [
    pytest.param(
        ROLE,
        role(
            "glbc",
            "What the controller does with load balancers, and nothing else.",
            ALL,
            "gcloud iam roles create glbc --project PROJECT --file iam-role.yaml",
        ),
        id="the project of the cluster",
    ),
    pytest.param(
        HOST_ROLE,
        role(
            "glbc in the host project",
            "The firewall rule of the cloud's health checks, in a shared VPC, and endpoint groups in it.",
            frozenset({Kind.FIREWALL}),
            "gcloud iam roles create glbcHost --project HOST_PROJECT --file iam-role-host.yaml",
            STANDING_IN,
        ),
        id="the host project of a shared VPC",
    ),
]


@pytest.mark.parametrize(("path", "made"), ROLES)
def test_a_role_is_what_the_table_of_methods_needs(
    path: Path, made: str, update_golden: bool
) -> None:
    if update_golden:
        path.write_text(made)
    assert path.read_text() == made
    assert yaml.safe_load(made)["includedPermissions"]
