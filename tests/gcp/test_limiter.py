"""How often calls may be sent, in a time of its own."""

from collections.abc import Callable

import pytest

from fakes.gce import Error, World, running
from glbc.config import CloudConfig
from glbc.errors import RateLimited
from glbc.gcp.client import GoogleCloud
from glbc.gcp.limiter import Class
from glbc.model.calls import Call, Verb
from glbc.model.keys import GLOBAL, Kind, ResourceKey, Scope
from tests.gcp.conftest import START, Time

DOCUMENTED = (
    1500  # a minute and project, of reads and of mutations each (compute/docs/api-rate-limits)
)
POD = {"networkEndpoints": [{"instance": "node-1", "ipAddress": "10.8.0.5", "port": 80}]}


def a_group(world: World) -> ResourceKey:
    """Make an endpoint group, and a node with room for pods."""
    world.seed_instance(name="node-1", zone="us-central1-a", alias_ranges=("10.8.0.0/24",))
    body = {"networkEndpointType": "GCE_VM_IP_PORT", "network": "global/networks/default"}
    world.seed("networkEndpointGroups", "zones/us-central1-a", "pods", body)
    return ResourceKey("demo", Kind.NETWORK_ENDPOINT_GROUP, Scope("zones/us-central1-a"), "pods")


def test_a_minutes_worth_passes_at_once_and_then_its_rate(clock: Time) -> None:
    limiter = clock.limiter(write=60)
    assert sum(limiter.take(Class.WRITE) for _ in range(60)) == 0
    for _ in range(10):
        assert limiter.take(Class.WRITE) == pytest.approx(1.0)


def test_no_minute_has_more_than_twice_the_rate(clock: Time) -> None:
    limiter = clock.limiter(read=60)
    sent = []
    while clock.now < 300:
        limiter.take(Class.READ)
        sent.append(clock.now)
    for start in range(240):
        assert sum(start <= at < start + 60 for at in sent) <= 120


def test_what_is_read_for_its_own_sake_leaves_a_reserve(clock: Time) -> None:
    limiter = clock.limiter(read=100)
    assert sum(limiter.take(Class.READ, patient=True) for _ in range(80)) == 0
    assert sum(limiter.take(Class.READ) for _ in range(20)) == 0
    assert limiter.take(Class.READ, patient=True) > 10


def test_an_edit_reads_on_while_a_resync_waits(
    clock: Time, connect: Callable[..., GoogleCloud]
) -> None:
    world = World()
    world.seed("healthChecks", "global", "check", {"type": "TCP", "tcpHealthCheck": {"port": 80}})
    with running(world) as url:
        cloud = connect(url, limiter=clock.limiter(read=10))
        for _ in range(8):
            cloud.list(Kind.URL_MAP)
        for _ in range(2):
            cloud.get(ResourceKey("demo", Kind.HEALTH_CHECK, GLOBAL, "check"))
        assert clock.now == 0
        cloud.list(Kind.URL_MAP)
        assert clock.now >= 12


def test_by_default_less_than_half_of_what_a_project_has_is_used() -> None:
    cloud = CloudConfig()
    assert max(cloud.reads_per_min, cloud.writes_per_min, cloud.waits_per_min) < DOCUMENTED / 2


def test_who_is_patient_comes_to_his_turn_at_the_lowest_rate_too(clock: Time) -> None:
    limiter = clock.limiter(read=1)
    for _ in range(3):
        limiter.take(Class.READ, patient=True)
    assert clock.now == pytest.approx(120.0)


def test_the_classes_do_not_wait_for_each_other(clock: Time) -> None:
    limiter = clock.limiter(read=1, write=1)
    limiter.take(Class.READ)
    assert limiter.take(Class.WRITE) == 0
    assert limiter.take(Class.WAIT) == 0
    assert limiter.take(Class.ENDPOINTS) == 0


def test_a_refused_class_rests_until_the_next_minute(clock: Time) -> None:
    limiter = clock.limiter(write=600)
    limiter.refused(Class.WRITE)
    waited = limiter.take(Class.WRITE)
    assert (START + clock.now) % 60 < 2
    assert 0 < waited <= 61
    assert limiter.take(Class.READ) == 0
    assert limiter.take(Class.WRITE) == 0


def test_without_a_limit_a_refused_class_rests_all_the_same(clock: Time) -> None:
    limiter = clock.limiter()
    limiter.refused(Class.READ)
    assert limiter.take(Class.READ) > 0


def test_the_client_rests_when_the_cloud_says_so(
    clock: Time, connect: Callable[..., GoogleCloud]
) -> None:
    world = World()
    refusal = Error(403, "rateLimitExceeded", "Quota exceeded for quota metric 'Read requests'")
    world.faults.add("compute.healthChecks.list", refusal, times=1)
    with running(world) as url:
        cloud = connect(url, limiter=clock.limiter(read=600))
        with pytest.raises(RateLimited):
            cloud.list(Kind.HEALTH_CHECK)
        assert clock.now == 0
        assert cloud.list(Kind.HEALTH_CHECK) == []
        assert (START + clock.now) % 60 < 2


def test_endpoints_do_not_wait_while_url_maps_rest(
    clock: Time, connect: Callable[..., GoogleCloud]
) -> None:
    world = World()
    refusal = Error(403, "rateLimitExceeded", "Quota exceeded for quota metric 'Queries'")
    world.faults.add("compute.urlMaps.*", refusal, times=None)
    world.faults.add("*.list", refusal, times=None)
    group = a_group(world)
    with running(world) as url:
        cloud = connect(url, limiter=clock.limiter(read=60, write=60, endpoints=60, wait=10))
        with pytest.raises(RateLimited):
            cloud.call(Call(Verb.DELETE, ResourceKey("demo", Kind.URL_MAP, Scope("global"), "x")))
        with pytest.raises(RateLimited):
            cloud.list(Kind.URL_MAP)
        for verb in (Verb.ATTACH_ENDPOINTS, Verb.DETACH_ENDPOINTS):
            cloud.call(Call(verb, group, POD))
        assert clock.now == 0


def test_what_waits_for_other_operations_leaves_a_reserve_to_those_of_endpoints(
    clock: Time, connect: Callable[..., GoogleCloud]
) -> None:
    world = World()
    world.latency.default = 0.001
    group = a_group(world)
    with running(world) as url:
        cloud = connect(url, limiter=clock.limiter(wait=10))
        for number in range(8):
            check = ResourceKey("demo", Kind.HEALTH_CHECK, Scope("global"), f"c{number}")
            cloud.call(Call(Verb.INSERT, check, {"name": check.name, "type": "HTTP"}))
        assert clock.now == 0
        cloud.call(Call(Verb.ATTACH_ENDPOINTS, group, POD))
        assert clock.now == 0
        cloud.call(Call(Verb.DELETE, check))
        assert clock.now > 0
