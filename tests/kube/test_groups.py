"""What is told of endpoint groups, as it arrives in the cluster."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from fakes.build import service
from glbc.errors import ClusterError
from glbc.kube.writer import Writer
from glbc.model import svcneg
from glbc.model.calls import (
    RecordCreate,
    RecordDelete,
    RecordPatch,
    RecordStatus,
    ServicePatch,
)
from glbc.model.finding import ObjectRef
from glbc.model.svcneg import GroupCondition, GroupReference, GroupStatus
from tests.kube.support import api

CRD = Path(__file__).parents[2] / "deploy" / "crds" / "servicenetworkendpointgroups.yaml"
WEB = ObjectRef("Service", "ns", "web")
REF = ObjectRef(svcneg.KIND, "ns", "group")
NOON = datetime(2026, 1, 2, 12, 0, 0, 999999, tzinfo=UTC)
MADE = RecordCreate(object=REF, service="web", service_uid="u-1", labels=(("a", "b"),))


@pytest.fixture
def writer(world, url, tmp_path):
    world.apply(service("ns/web", "80"))
    world.apply(yaml.safe_load(CRD.read_text()))
    client = api(tmp_path, url)
    yield Writer(client, lambda: NOON)
    client.close()


def record(world) -> dict[str, Any]:
    return world.get(svcneg.KIND, "ns/group")


def version(world) -> str:
    return record(world)["metadata"]["resourceVersion"]


def test_an_annotation_of_a_service_comes_and_goes_and_others_stay(world, writer):
    world.apply(service("ns/web", "80") | {"metadata": {"namespace": "ns", "name": "web", "annotations": {"o": "1"}}})  # fmt: skip
    for value, expected in (("x", {"o": "1", "glbc/a": "x"}), (None, {"o": "1"})):
        meta = world.get("Service", "ns/web")["metadata"]
        writer.write(
            ServicePatch(
                object=WEB,
                resource_version=meta["resourceVersion"],
                annotations={"glbc/a": value},
            )
        )
        assert world.get("Service", "ns/web")["metadata"]["annotations"] == expected


def test_a_service_that_has_changed_meanwhile_is_not_written(world, writer):
    with pytest.raises(ClusterError) as refused:
        writer.write(ServicePatch(object=WEB, resource_version="1", annotations={"glbc/a": "x"}))
    assert refused.value.status == 409


def test_a_status_is_written_with_its_times_and_without_what_is_empty(world, writer):
    writer.write(MADE)
    then = "2026-01-01T00:00:00Z"
    status = GroupStatus(
        network_endpoint_groups=(GroupReference(self_link="https://x", state="ACTIVE"),),
        conditions=(
            GroupCondition(
                type="Initialized", status="True", reason="R", last_transition_time=then
            ),
            GroupCondition(type="Synced", status="False", reason="S", message="why"),
        ),
    )
    writer.write(RecordStatus(object=REF, resource_version=version(world), status=status))
    now = "2026-01-02T12:00:00Z"
    assert record(world)["status"] == {
        "networkEndpointGroups": [{"selfLink": "https://x", "state": "ACTIVE"}],
        "conditions": [
            {"type": "Initialized", "status": "True", "reason": "R", "message": "", "lastTransitionTime": then},
            {"type": "Synced", "status": "False", "reason": "S", "message": "why", "lastTransitionTime": now},
        ],
        "lastSyncTime": now,
    }  # fmt: skip


def test_one_that_was_deleted_goes_when_it_is_let_go(world, writer):
    writer.write(MADE)
    uid = record(world)["metadata"]["uid"]
    writer.write(RecordDelete(object=REF, uid=uid, resource_version=version(world)))
    assert record(world)["metadata"]["deletionTimestamp"]
    writer.write(RecordPatch(object=REF, resource_version=version(world), finalizers=()))
    assert record(world) is None


def test_another_one_of_its_name_is_not_deleted(world, writer):
    writer.write(MADE)
    with pytest.raises(ClusterError):
        writer.write(RecordDelete(object=REF, uid="another", resource_version=version(world)))
    assert "deletionTimestamp" not in record(world)["metadata"]


@pytest.mark.parametrize(
    "write",
    [
        pytest.param(ServicePatch(object=ObjectRef("Service", "ns", "gone"), resource_version="1", annotations={}), id="a Service"),
        pytest.param(RecordPatch(object=REF, resource_version="1", labels=(("a", "c"),)), id="its labels"),
        pytest.param(RecordStatus(object=REF, resource_version="1", status=GroupStatus()), id="its status"),
        pytest.param(RecordDelete(object=REF, uid="u", resource_version="1"), id="itself"),
    ],
)  # fmt: skip
def test_what_is_gone_needs_no_word(writer, write):
    writer.write(write)


def test_nothing_is_made_in_a_namespace_that_goes(world, writer):
    world.apply(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "ns", "finalizers": ["o/f"]}}
    )
    world.delete("Namespace", "ns")
    writer.write(MADE)
    assert record(world) is None
