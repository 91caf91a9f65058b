"""Every row of the table, held against the real library."""

import pytest
from google.cloud import compute_v1

from glbc.gcp import table
from glbc.gcp.table import MUTATIONS, OPERATIONS, PLACE_FIELD, ROWS, Where
from glbc.model.calls import Verb
from glbc.model.keys import GLOBAL, Kind, ResourceKey, Scope, zone
from glbc.model.kinds import MANAGED, POLICIES

CELLS = [
    pytest.param(row, place, verb, id=f"{kind} {place} {verb}")
    for (kind, place), row in ROWS.items()
    for verb in sorted(row.verbs)
]
LINES = [
    pytest.param(kind, row, place, id=f"{kind} {place}") for (kind, place), row in ROWS.items()
]


def fields_of(message):
    return set(getattr(compute_v1, message).meta.fields)


def scope_fields(place):
    return {"project"} | ({PLACE_FIELD[place]} if place in PLACE_FIELD else set())


@pytest.mark.parametrize(("row", "place", "verb"), CELLS)
def test_a_verb_is_a_method_with_a_request_id_and_the_body_field_named(row, place, verb):
    mutation = MUTATIONS[verb]
    assert callable(getattr(getattr(compute_v1, row.client), mutation.method))
    needed = scope_fields(place) | {"request_id"}
    if verb is not Verb.INSERT:
        needed.add(row.field)
    if mutation.body:
        needed.add(mutation.body_field(row))
    needed.update(field for _, field in mutation.query)
    assert fields_of(mutation.request(row)) == needed


@pytest.mark.parametrize(("kind", "row", "place"), LINES)
def test_a_row_can_be_read(kind, row, place):
    client = getattr(compute_v1, row.client)
    assert callable(client.get)
    assert fields_of(f"Get{row.noun}Request") >= scope_fields(place) | {row.field}
    if row.aggregated:
        assert callable(client.aggregated_list)
        assert {"project", "max_results"} <= fields_of(f"AggregatedList{row.clients}Request")
    else:
        assert callable(client.list)
        assert {"project", "max_results"} <= fields_of(f"List{row.clients}Request")


@pytest.mark.parametrize("place", list(Where))
def test_operations_of_every_type_of_scope_can_be_waited_for(place):
    row = OPERATIONS[place]
    assert callable(getattr(compute_v1, row.client).wait)
    assert fields_of(f"Wait{row.noun}Request") == scope_fields(place) | {"operation"}


def test_every_managed_kind_has_a_row():
    assert {*MANAGED, *POLICIES, Kind.INSTANCE} == {kind for kind, _ in ROWS}


def test_every_verb_is_used_by_some_kind():
    assert set(Verb) == set(MUTATIONS) == {verb for row in ROWS.values() for verb in row.verbs}


def test_a_row_misses_no_verb_that_the_library_offers():
    offered = {
        (kind, verb)
        for (kind, _), row in ROWS.items()
        for verb, mutation in MUTATIONS.items()
        if hasattr(getattr(compute_v1, row.client), mutation.method) and kind in MANAGED
    }
    assert offered == {(kind, verb) for (kind, _), row in ROWS.items() for verb in row.verbs}


@pytest.mark.parametrize(
    ("scope", "fields"),
    [
        pytest.param(GLOBAL, {"project": "p"}, id="global names the project"),
        pytest.param(zone("z"), {"project": "p", "zone": "z"}, id="a zone is named too"),
        pytest.param(Scope("regions/r"), {"project": "p", "region": "r"}, id="so is a region"),
    ],
)
def test_the_collection_of_a_key(scope, fields):
    assert fields == table.parent(ResourceKey("p", "urlMaps", scope, "x"))


@pytest.mark.parametrize(
    "key",
    [
        pytest.param(ResourceKey("p", "disks", zone("z"), "x"), id="a kind we do not know"),
        pytest.param(ResourceKey("p", "urlMaps", Scope("regions/r"), "x"), id="another scope"),
    ],
)
def test_a_collection_without_a_row_is_refused_with_its_name(key):
    with pytest.raises(ValueError, match=f"does not work with {key.kind}"):
        table.row_of(key)
