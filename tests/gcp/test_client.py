"""The adapter against the fake Compute Engine, over HTTP."""

import base64
import logging
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from fakes.gce import Request, World, running
from fakes.gce.faults import Error, FailedOperation, LoseAnswer
from glbc.errors import (
    ANY,
    MEANING,
    AlreadyExists,
    CloudError,
    InUse,
    NotFound,
    NotLeading,
    QuotaExceeded,
    RateLimited,
    Stale,
    Transient,
)
from glbc.gcp.table import ROWS, where
from glbc.model.calls import Call, Verb
from glbc.model.codec import key_of
from glbc.model.keys import Kind, parse_link
from glbc.model.quota import Quota
from tests.gcp.stack import (
    BACKEND,
    BODIES,
    CERTIFICATE,
    CHECK,
    EDITS,
    ENDPOINTS,
    GROUP,
    HTTP,
    HTTPS,
    MEMBERS,
    NODES,
    PROJECT,
    RULE,
    ZONE,
    certificate,
    key,
)


@pytest.fixture(scope="module")
def served():
    world = World(project=PROJECT)
    with running(world) as base_url:
        yield world, base_url


@pytest.fixture
def url(served):
    return served[1]


@pytest.fixture
def world(served):
    world, _ = served
    world.reset()
    world.latency.default = 0.005
    for i, node in enumerate(NODES):
        world.seed_instance(node.name, ZONE.partition("/")[2], ip=f"10.0.0.{i + 5}")
    return world


@pytest.fixture
def cloud(world, url, connect):
    return connect(url)


def insert(target):
    secret = certificate() if target == CERTIFICATE else {}
    return Call(Verb.INSERT, target, {"name": target.name, **BODIES[target], **secret})


def build(cloud, last):
    """Insert everything up to `last`."""
    for target in BODIES:
        cloud.call(insert(target))
        if target == last:
            return


def names(cloud, kind):
    return sorted(body["name"] for body in cloud.list(kind))


@pytest.mark.parametrize("target", [pytest.param(target, id=str(target)) for target in BODIES])
def test_what_is_inserted_is_read_listed_and_deleted(cloud, target):
    build(cloud, target)
    body = cloud.get(target)
    assert {name: body[name] for name in BODIES[target]} == BODIES[target]
    listed = [
        found for found in cloud.list(target.kind) if key_of(target.kind, found, PROJECT) == target
    ]
    assert [body] == listed
    cloud.call(Call(Verb.DELETE, target))
    with pytest.raises(NotFound):
        cloud.get(target)
    assert target.name not in names(cloud, target.kind)


@pytest.mark.parametrize(
    ("target", "verb"), [pytest.param(*edit, id=f"{edit[1]} {edit[0]}") for edit in EDITS]
)
def test_what_is_edited_is_read(cloud, target, verb):
    for made in BODIES:
        cloud.call(insert(made))
    body, expected = EDITS[target, verb]
    if verb in (Verb.PATCH, Verb.UPDATE):
        live = cloud.get(target)
        body = body | ({"fingerprint": live["fingerprint"]} if "fingerprint" in live else {})
    if verb is Verb.UPDATE:
        body = body | {"name": target.name}
    cloud.call(Call(verb, target, body))
    found = cloud.get(target)
    assert expected == {name: found.get(name) for name in expected}


def test_members_come_and_go(cloud):
    build(cloud, GROUP)
    cloud.call(Call(Verb.ADD_INSTANCES, GROUP, MEMBERS))
    assert [node.link for node in NODES] == sorted(cloud.members(GROUP))
    cloud.call(Call(Verb.REMOVE_INSTANCES, GROUP, {"instances": MEMBERS["instances"][:1]}))
    assert [NODES[1].link] == cloud.members(GROUP)


@pytest.mark.parametrize(
    ("target", "verb", "kind", "field"),
    [
        (HTTPS, Verb.SET_SSL_POLICY, "sslPolicies", "sslPolicy"),
        (BACKEND, Verb.SET_SECURITY_POLICY, "securityPolicies", "securityPolicy"),
    ],
    ids=["an SSL policy", "a security policy"],
)
def test_a_policy_is_set_and_taken_away(world, cloud, target, verb, kind, field):
    world.seed(kind, "global", "strict", {})
    assert names(cloud, kind) == ["strict"]
    for made in BODIES:
        cloud.call(insert(made))
    cloud.call(Call(verb, target, {field: f"global/{kind}/strict"}))
    assert cloud.get(target)[field].endswith(f"/{kind}/strict")
    cloud.call(Call(verb, target, {field: ""}))
    assert field not in cloud.get(target)


def test_keys_for_signed_urls_come_and_go(cloud):
    build(cloud, BACKEND)
    key_value = base64.urlsafe_b64encode(b"0123456789abcdef").decode()
    body = {"keyName": "one", "keyValue": key_value}
    cloud.call(Call(Verb.ADD_SIGNED_URL_KEY, BACKEND, body))
    assert cloud.get(BACKEND)["cdnPolicy"]["signedUrlKeyNames"] == ["one"]
    cloud.call(Call(Verb.DELETE_SIGNED_URL_KEY, BACKEND, query={"keyName": "one"}))
    assert "signedUrlKeyNames" not in cloud.get(BACKEND).get("cdnPolicy", {})


def test_endpoints_come_and_go(cloud):
    build(cloud, ENDPOINTS)
    one, two = ({"instance": node.name, "port": 8080} for node in NODES)
    cloud.call(Call(Verb.ATTACH_ENDPOINTS, ENDPOINTS, {"networkEndpoints": [one, two]}))
    found = cloud.endpoints(ENDPOINTS)
    assert {(row["instance"].rpartition("/")[2], row["port"]) for row in found} == {
        (NODES[0].name, 8080),
        (NODES[1].name, 8080),
    }
    cloud.call(Call(Verb.DETACH_ENDPOINTS, ENDPOINTS, {"networkEndpoints": [one]}))
    (left,) = cloud.endpoints(ENDPOINTS)
    assert left["instance"] == NODES[1].link


def test_every_cell_of_the_table_was_tried():
    tried = {(target.kind, where(target), verb) for target, verb in EDITS}
    tried |= {(t.kind, where(t), verb) for t in BODIES for verb in (Verb.INSERT, Verb.DELETE)}
    tried |= {(GROUP.kind, where(GROUP), v) for v in (Verb.ADD_INSTANCES, Verb.REMOVE_INSTANCES)}
    joins = (Verb.ATTACH_ENDPOINTS, Verb.DETACH_ENDPOINTS)
    tried |= {(ENDPOINTS.kind, where(ENDPOINTS), verb) for verb in joins}
    keys = (Verb.ADD_SIGNED_URL_KEY, Verb.DELETE_SIGNED_URL_KEY)
    tried |= {(BACKEND.kind, where(BACKEND), verb) for verb in keys}
    policies = {(HTTPS, Verb.SET_SSL_POLICY), (BACKEND, Verb.SET_SECURITY_POLICY)}
    tried |= {(target.kind, where(target), verb) for target, verb in policies}
    assert tried == {(*cell, verb) for cell, row in ROWS.items() for verb in row.verbs}


def test_instances_of_every_zone_are_listed_over_several_pages(world, cloud):
    for i in range(1100):
        world.seed_instance(
            f"many-{i}", f"us-central1-{'abc'[i % 3]}", ip=f"10.1.{i // 250}.{i % 250}"
        )
    found = cloud.list(Kind.INSTANCE)
    assert len({(body["zone"], body["name"]) for body in found}) == 1102 == len(found)
    assert {"us-central1-a", "us-central1-b", "us-central1-c"} == {
        body["zone"].rpartition("/")[2] for body in found
    }
    assert world.counts()["compute.instances.aggregatedList"] >= 3


def test_a_global_kind_is_listed_over_several_pages(world, cloud):
    world.latency.default = 0
    for i in range(501):
        target = key(Kind.HEALTH_CHECK, f"check-{i}")
        cloud.call(Call(Verb.INSERT, target, {"name": target.name, **BODIES[CHECK]}))
    assert len(names(cloud, Kind.HEALTH_CHECK)) == 501
    assert world.counts()["compute.healthChecks.list"] == 2


def test_an_empty_list_is_empty(cloud):
    assert list(cloud.list(Kind.URL_MAP)) == []
    assert list(cloud.list(Kind.INSTANCE_GROUP)) == []


def test_a_project_that_does_not_exist_is_named(url, connect):
    with pytest.raises(NotFound, match="project nope"):
        connect(url, project="nope").list(Kind.URL_MAP)


SYNC = [
    pytest.param(status, reason or "somethingNew", cls, id=f"{status} {reason or 'any'}")
    for status, reason, cls in MEANING
    if status
]
ASYNC = [
    pytest.param(status or 400, reason, cls, id=f"{reason} {status or 400}")
    for status, reason, cls in MEANING
    if reason is not ANY and reason.isupper()
]


@pytest.mark.parametrize(("status", "reason", "cls"), SYNC)
def test_a_refusal_at_once_means_what_the_table_says(world, cloud, status, reason, cls):
    world.faults.add("healthChecks.*", Error(status, reason, "the server's words"), times=None)
    for ask, what in (
        (lambda: cloud.get(CHECK), "get healthChecks/check"),
        (lambda: cloud.call(insert(CHECK)), "insert healthChecks/check"),
        (lambda: cloud.list(Kind.HEALTH_CHECK), "list healthChecks of project demo"),
    ):
        with pytest.raises(cls) as raised:
            ask()
        assert type(raised.value) is cls
        if status != 401:  # the library refreshes credentials then, and has none to refresh
            assert (reason, status) == (raised.value.reason, raised.value.status)
            assert str(raised.value) == f"{what}: the server's words"


@pytest.mark.parametrize(("status", "code", "cls"), ASYNC)
def test_a_failed_operation_means_what_the_table_says(world, cloud, status, code, cls):
    world.faults.add("healthChecks.insert", FailedOperation(code, "the server's words", status))
    with pytest.raises(cls) as raised:
        cloud.call(insert(CHECK))
    assert (cls, code, status) == (type(raised.value), raised.value.reason, raised.value.status)
    assert str(raised.value) == "insert healthChecks/check: the server's words"
    assert names(cloud, Kind.HEALTH_CHECK) == []


def test_the_fakes_own_refusals_are_told_apart(world, cloud):
    build(cloud, HTTP)
    with pytest.raises(AlreadyExists):
        cloud.call(insert(CHECK))
    with pytest.raises(InUse):
        cloud.call(Call(Verb.DELETE, CHECK))
    with pytest.raises(Stale):
        cloud.call(Call(Verb.PATCH, BACKEND, {"timeoutSec": 9, "fingerprint": "c3RhbGU="}))
    with pytest.raises(NotFound):
        cloud.call(Call(Verb.DELETE, RULE))
    world.quotas["addresses"] = 0
    with pytest.raises(QuotaExceeded):
        cloud.call(Call(Verb.INSERT, key(Kind.ADDRESS, "a"), {"name": "a"}))
    world.rates.per_minute["read"] = 0
    with pytest.raises(RateLimited):
        cloud.get(CHECK)


def test_refusals_that_come_by_operation_are_told_apart_too(world, cloud):
    build(cloud, HTTP)
    world.late_failures = ("*",)
    with pytest.raises(InUse):
        cloud.call(Call(Verb.DELETE, CHECK))


def test_a_quota_that_an_operation_meets_is_named(world, cloud):
    world.quotas["addresses"] = 0
    world.late_failures = ("*",)
    with pytest.raises(QuotaExceeded) as raised:
        cloud.call(Call(Verb.INSERT, key(Kind.ADDRESS, "a"), {"name": "a"}))
    assert raised.value.quota == "compute.googleapis.com/static_addresses"


def test_the_quotas_of_a_project_are_those_that_inserts_are_held_to(world, cloud):
    world.quotas["healthChecks"] = 1
    cloud.call(insert(CHECK))
    (quota,) = [row for row in cloud.quotas(PROJECT) if row.metric == "HEALTH_CHECKS"]
    assert quota == Quota("HEALTH_CHECKS", 1.0, 1.0)
    with pytest.raises(QuotaExceeded):
        cloud.call(Call(Verb.INSERT, key(Kind.HEALTH_CHECK, "b"), {"name": "b", **BODIES[CHECK]}))
    assert {"INSTANCE_GROUPS", "INSTANCES"}.isdisjoint(r.metric for r in cloud.quotas(PROJECT))
    with pytest.raises(NotFound):
        cloud.quotas("nope")


def test_what_is_under_way_is_told_of_every_scope_and_what_is_done_is_not(world, cloud):
    build(cloud, HTTP)
    world.latency.default = 60.0
    root = f"/compute/v1/projects/{PROJECT}"
    for path, body in (
        ("global/healthChecks", {"name": "late", **BODIES[CHECK]}),
        (f"{ZONE}/instanceGroups", {"name": "late"}),
    ):
        assert world.handle(Request("POST", f"{root}/{path}", {}, body)).status == 200
    links = [parse_link(body["targetLink"], "") for body in cloud.under_way(PROJECT)]
    expected = [key(Kind.HEALTH_CHECK, "late"), key(Kind.INSTANCE_GROUP, "late", ZONE)]
    assert sorted(links) == expected
    assert world.counts()["compute.globalOperations.aggregatedList"] == 1


@pytest.mark.parametrize("acted", [True, False])
def test_a_lost_answer_makes_one_resource_and_a_success(world, cloud, acted):
    world.faults.add("healthChecks.insert", LoseAnswer(acted=acted))
    cloud.call(insert(CHECK))
    assert names(cloud, Kind.HEALTH_CHECK) == ["check"]
    assert world.counts()["compute.healthChecks.insert"] == 2


def test_a_deletion_whose_answer_is_lost_is_a_success(world, cloud):
    build(cloud, CHECK)
    world.faults.add("healthChecks.delete", LoseAnswer(acted=True))
    cloud.call(Call(Verb.DELETE, CHECK))
    assert names(cloud, Kind.HEALTH_CHECK) == []


@pytest.mark.parametrize(
    "effect",
    [
        pytest.param(LoseAnswer(), id="lost"),
        pytest.param(Error(503), id="503"),
        pytest.param(Error(403, "rateLimitExceeded"), id="rate limit"),
    ],
)
def test_waiting_outlives_trouble(world, cloud, effect):
    world.faults.add("*Operations.wait", effect, times=4)
    build(cloud, CHECK)
    assert names(cloud, Kind.HEALTH_CHECK) == ["check"]


def test_a_read_outlives_a_hiccup(world, cloud):
    build(cloud, CHECK)
    world.faults.add("healthChecks.get", Error(503), times=2)
    world.faults.add("healthChecks.list", LoseAnswer(), times=2)
    assert cloud.get(CHECK)["name"] == "check"
    assert names(cloud, Kind.HEALTH_CHECK) == ["check"]


def test_a_server_that_is_gone_is_transient(connect):
    with running(World(project=PROJECT)) as base_url:
        cloud = connect(base_url)
        build(cloud, CHECK)
    for ask in (
        lambda: cloud.get(CHECK),
        lambda: cloud.list(Kind.HEALTH_CHECK),
        lambda: cloud.list(Kind.INSTANCE),
        lambda: cloud.members(GROUP),
        lambda: cloud.call(Call(Verb.DELETE, CHECK)),
    ):
        with pytest.raises(Transient):
            ask()


def test_twenty_threads_share_the_adapter_and_its_connections(world, url, connect, caplog):
    caplog.set_level(logging.DEBUG, logger="urllib3")
    workers, rounds = 20, 5
    cloud = connect(url, workers=workers)
    together = threading.Barrier(workers)

    def work(worker):
        for turn in range(rounds):
            together.wait(30)
            target = key(Kind.HEALTH_CHECK, f"check-{worker}-{turn}")
            cloud.call(Call(Verb.INSERT, target, {"name": target.name, **BODIES[CHECK]}))
            assert cloud.get(target)["name"] == target.name

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(work, range(workers)))
    assert len(names(cloud, Kind.HEALTH_CHECK)) == workers * rounds
    said = Counter(
        record.msg for record in caplog.records if record.name == "urllib3.connectionpool"
    )
    assert not [text for text in said if "pool is full" in text]
    opened = sum(count for text, count in said.items() if text.startswith("Starting new HTTP"))
    assert opened <= 2 * workers  # one connection for each thread to each of two collections


class Fallen:
    """A fence that says these terms, one for each look, and the last one for ever."""

    def __init__(self, *terms):
        self._terms = list(terms)

    def term(self):
        return self._terms.pop(0) if len(self._terms) > 1 else self._terms[0]


@pytest.mark.parametrize("later", [pytest.param(0, id="no"), pytest.param(2, id="another")])
def test_what_was_not_answered_is_not_sent_again_in_no_or_another_term(world, url, connect, later):
    cloud = connect(url, fence=Fallen(1, 1, later))
    world.faults.add("healthChecks.insert", LoseAnswer(acted=False))
    with pytest.raises(NotLeading):
        cloud.call(insert(CHECK))
    assert names(cloud, Kind.HEALTH_CHECK) == []
    assert world.counts()["compute.healthChecks.insert"] == 1


def test_every_request_is_told_under_the_name_that_the_cloud_knows_it_by(world, url, connect):
    heard = []
    cloud = connect(url, heard=heard.append)
    for made in BODIES:
        cloud.call(insert(made))
    for target, verb in EDITS:
        if verb not in (Verb.PATCH, Verb.UPDATE):
            cloud.call(Call(verb, target, EDITS[target, verb][0]))
    for kind in {row_kind for row_kind, _ in ROWS}:
        cloud.list(kind)
    cloud.get(BACKEND)
    cloud.members(GROUP)
    cloud.health(BACKEND, GROUP)
    told = Counter((f"compute.{one.method}", one.status) for one in heard)
    known = Counter((call.method, call.status) for call in world.calls())
    assert told == known
    assert {(one.api, one.result) for one in heard} == {("compute", "ok")}


@pytest.mark.parametrize(
    ("effect", "status", "result"),
    [
        pytest.param(Error(403, "rateLimitExceeded", "slow"), 403, "RateLimited", id="too often"),
        pytest.param(Error(403, "forbidden", "no"), 403, "Denied", id="a permission"),
        pytest.param(Error(404, "notFound", "no"), 404, "NotFound", id="not there"),
    ],
)
def test_a_refused_request_is_told_with_its_meaning(world, url, connect, effect, status, result):
    heard = []
    world.faults.add("compute.urlMaps.list", effect, times=1)
    with pytest.raises(CloudError):
        connect(url, heard=heard.append).list(Kind.URL_MAP)
    assert [(one.method, one.status, one.result) for one in heard] == [
        ("urlMaps.list", status, result)
    ]


def test_a_request_that_gets_no_answer_is_told_too(connect):
    heard = []
    with pytest.raises(Transient):
        connect("http://127.0.0.1:1", heard=heard.append).list(Kind.URL_MAP)
    assert {(one.method, one.status, one.result) for one in heard} == {
        ("urlMaps.list", 0, "Transient")
    }
