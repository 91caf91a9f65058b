"""The fake through two real clients: google-cloud-compute and google-api-python-client."""

from collections.abc import Iterator
from contextlib import ExitStack

import httplib2
import pytest
import requests
from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import compute_v1 as compute
from googleapiclient.discovery import Resource, build
from googleapiclient.errors import HttpError

from fakes.clock import VirtualClock
from fakes.gce import Error, LoseAnswer, World, running

PROJECT = {"project": "demo"}
ZONED = {"project": "demo", "zone": "us-central1-a"}


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[World, str]]:
    world = World(clock=VirtualClock())
    with running(world) as url:
        yield world, url


class Google:
    """google-cloud-compute, with waits of its own as it has to be used."""

    def __init__(self, url: str) -> None:
        self.options = {"api_endpoint": url}
        self.clients: dict[type, object] = {}
        self.stack = ExitStack()

    def __getitem__(self, kind):
        if kind not in self.clients:
            client = kind(credentials=AnonymousCredentials(), client_options=self.options)
            self.clients[kind] = self.stack.enter_context(client)
        return self.clients[kind]

    def done(self, operation):
        if operation.zone:
            waiter, scope = self[compute.ZoneOperationsClient], ZONED
        else:
            waiter, scope = self[compute.GlobalOperationsClient], PROJECT
        finished = waiter.wait(operation=operation.name, **scope, retry=None)
        assert finished.status == compute.Operation.Status.DONE
        assert not finished.error.errors
        return finished


@pytest.fixture
def google(server) -> Iterator[Google]:
    world, url = server
    world.reset()
    google = Google(url)
    with google.stack:
        yield google


@pytest.fixture
def service(server) -> Iterator[Resource]:
    world, url = server
    world.reset()
    endpoint = {"api_endpoint": f"{url}/compute/v1/"}
    http = httplib2.Http()
    with build(
        "compute", "v1", http=http, static_discovery=True, client_options=endpoint
    ) as resource:
        yield resource


def _backend(google: Google) -> None:
    checks, services = google[compute.HealthChecksClient], google[compute.BackendServicesClient]
    check = compute.HealthCheck(
        name="hc", type_="HTTP", http_health_check=compute.HTTPHealthCheck(port=30080)
    )
    google.done(checks.insert_unary(**PROJECT, health_check_resource=check, retry=None))
    group = compute.InstanceGroup(name="ig")
    groups = google[compute.InstanceGroupsClient]
    google.done(groups.insert_unary(**ZONED, instance_group_resource=group, retry=None))
    backend = compute.Backend(
        group="zones/us-central1-a/instanceGroups/ig",
        balancing_mode="RATE",
        max_rate_per_instance=1.0,
    )
    body = compute.BackendService(
        name="be", health_checks=["global/healthChecks/hc"], backends=[backend]
    )
    google.done(services.insert_unary(**PROJECT, backend_service_resource=body, retry=None))


def test_google_cloud_compute_builds_a_load_balancer(google: Google):
    _backend(google)
    maps, proxies = google[compute.UrlMapsClient], google[compute.TargetHttpProxiesClient]
    rules = google[compute.GlobalForwardingRulesClient]
    url_map = compute.UrlMap(name="um", default_service="global/backendServices/be")
    google.done(maps.insert_unary(**PROJECT, url_map_resource=url_map, retry=None))
    proxy = compute.TargetHttpProxy(name="tp", url_map="global/urlMaps/um")
    google.done(proxies.insert_unary(**PROJECT, target_http_proxy_resource=proxy, retry=None))
    rule = compute.ForwardingRule(
        name="fr", target="global/targetHttpProxies/tp", port_range="80-80"
    )
    google.done(rules.insert_unary(**PROJECT, forwarding_rule_resource=rule, retry=None))
    found = rules.get(**PROJECT, forwarding_rule="fr", retry=None)
    assert found.I_p_address.count(".") == 3
    assert found.target.endswith("/compute/v1/projects/demo/global/targetHttpProxies/tp")


def test_google_cloud_compute_updates_what_it_read(google: Google):
    _backend(google)
    services = google[compute.BackendServicesClient]
    found = services.get(**PROJECT, backend_service="be", retry=None)
    found.timeout_sec = 77
    call = {"backend_service": "be", "backend_service_resource": found, "retry": None}
    google.done(services.update_unary(**PROJECT, **call))
    assert services.get(**PROJECT, backend_service="be", retry=None).timeout_sec == 77
    with pytest.raises(exceptions.PreconditionFailed) as stale:
        services.update_unary(**PROJECT, **call)
    assert stale.value.errors[0]["reason"] == "conditionNotMet"


def test_google_cloud_compute_members_health_and_pages(google: Google, server):
    world, _ = server
    _backend(google)
    for i in range(3):
        world.seed_instance(f"node-{i}", "us-central1-a", ip=f"10.128.0.{i + 5}")
    groups = google[compute.InstanceGroupsClient]
    members = compute.InstanceGroupsAddInstancesRequest(
        instances=[
            compute.InstanceReference(instance=f"zones/us-central1-a/instances/node-{i}")
            for i in range(3)
        ]
    )
    google.done(
        groups.add_instances_unary(
            **ZONED,
            instance_group="ig",
            instance_groups_add_instances_request_resource=members,
            retry=None,
        )
    )
    ports = compute.InstanceGroupsSetNamedPortsRequest(
        named_ports=[compute.NamedPort(name="http", port=30080)]
    )
    google.done(
        groups.set_named_ports_unary(
            **ZONED,
            instance_group="ig",
            instance_groups_set_named_ports_request_resource=ports,
            retry=None,
        )
    )
    request = compute.ListInstancesInstanceGroupsRequest(
        **ZONED,
        instance_group="ig",
        max_results=2,
        instance_groups_list_instances_request_resource=compute.InstanceGroupsListInstancesRequest(
            instance_state="ALL"
        ),
    )
    rows = list(groups.list_instances(request=request, retry=None))
    assert [row.instance.rpartition("/")[2] for row in rows] == ["node-0", "node-1", "node-2"]
    reference = compute.ResourceGroupReference(group="zones/us-central1-a/instanceGroups/ig")
    health = google[compute.BackendServicesClient].get_health(
        **PROJECT,
        backend_service="be",
        resource_group_reference_resource=reference,
        retry=None,
    )
    assert [row.health_state for row in health.health_status] == ["HEALTHY"] * 3
    everywhere = dict(google[compute.InstancesClient].aggregated_list(**PROJECT, retry=None))
    assert len(everywhere["zones/us-central1-a"].instances) == 3
    assert everywhere["zones/us-central1-b"].warning.code == "NO_RESULTS_ON_PAGE"


ERRORS = [
    pytest.param(Error(503, "backendError"), exceptions.ServiceUnavailable, id="503"),
    pytest.param(Error(403, "rateLimitExceeded"), exceptions.Forbidden, id="rate limit"),
    pytest.param(Error(409, "alreadyExists"), exceptions.Conflict, id="409"),
    pytest.param(Error(429, "rateLimitExceeded"), exceptions.TooManyRequests, id="429"),
]


@pytest.mark.parametrize(("fault", "raised"), ERRORS)
def test_google_cloud_compute_maps_errors(google: Google, server, fault, raised):
    world, _ = server
    world.faults.add("urlMaps.get", fault)
    with pytest.raises(raised) as error:
        google[compute.UrlMapsClient].get(**PROJECT, url_map="um", retry=None)
    assert error.value.errors[0]["reason"] == fault.reason


def test_google_cloud_compute_survives_a_lost_answer(google: Google, server):
    world, _ = server
    world.faults.add("urlMaps.list", LoseAnswer())
    client = google[compute.UrlMapsClient]
    with pytest.raises(requests.exceptions.ConnectionError):
        list(client.list(**PROJECT, retry=None))
    assert list(client.list(**PROJECT, retry=None)) == []


def _run(service: Resource, call):
    operation = call.execute()
    done = service.globalOperations().wait(**PROJECT, operation=operation["name"]).execute()
    assert done["status"] == "DONE"
    assert "error" not in done


def test_the_discovery_client_sees_the_same_world(service: Resource, server):
    world, url = server
    google = Google(url)
    with google.stack:
        _backend(google)
    found = service.backendServices().get(**PROJECT, backendService="be").execute()
    assert found == world.resources("backendServices")[0]
    listed = service.backendServices().list(**PROJECT, filter="name = be").execute()
    assert listed["items"] == [found]


def test_the_discovery_client_clears_a_list_by_patch(service: Resource, server):
    _, url = server
    google = Google(url)
    with google.stack:
        _backend(google)
    mark = service.backendServices().get(**PROJECT, backendService="be").execute()["fingerprint"]
    change = {"backends": [], "fingerprint": mark}
    _run(service, service.backendServices().patch(**PROJECT, backendService="be", body=change))
    found = service.backendServices().get(**PROJECT, backendService="be").execute()
    assert "backends" not in found


def test_the_discovery_client_pages(service: Resource, server):
    world, _ = server
    for i in range(5):
        world.seed("healthChecks", "global", f"hc-{i}", {"type": "TCP"})
    names = []
    request = service.healthChecks().list(**PROJECT, maxResults=2)
    while request is not None:
        page = request.execute()
        names += [row["name"] for row in page["items"]]
        request = service.healthChecks().list_next(request, page)
    assert names == [f"hc-{i}" for i in range(5)]


def test_the_discovery_client_reads_refusals(service: Resource):
    call = service.healthChecks().insert(**PROJECT, body={"name": "x", "type": "FTP"})
    with pytest.raises(HttpError) as refused:
        call.execute()
    assert refused.value.status_code == 400
    assert refused.value.error_details[0]["reason"] == "invalid"
