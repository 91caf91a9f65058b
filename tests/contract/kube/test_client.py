"""The real Python client against the HTTP door."""

import threading

import pytest
from kubernetes import client, watch
from kubernetes.client.exceptions import ApiException
from kubernetes.dynamic import DynamicClient

from .conftest import ingress, service


@pytest.fixture
def api(url):
    configuration = client.Configuration()
    configuration.host = url
    with client.ApiClient(configuration) as one:
        yield one
        one.rest_client.pool_manager.clear()


def test_typed_create_read_and_status(api, world):
    networking = client.NetworkingV1Api(api)
    made = networking.create_namespaced_ingress("default", ingress())
    assert made.metadata.generation == 1
    status = {"status": {"loadBalancer": {"ingress": [{"ip": "1.1.1.1"}]}}}
    networking.patch_namespaced_ingress_status("web", "default", status)
    (found,) = networking.list_ingress_for_all_namespaces().items
    assert found.status.load_balancer.ingress[0].ip == "1.1.1.1"
    assert world.get("ing", "default/web")["spec"] == ingress()["spec"]


def test_errors_are_the_clients_own(api):
    core = client.CoreV1Api(api)
    with pytest.raises(ApiException) as missing:
        core.read_namespaced_secret("none", "default")
    assert missing.value.status == 404
    core.create_namespaced_service("default", service())
    with pytest.raises(ApiException) as double:
        core.create_namespaced_service("default", service())
    assert double.value.reason == "Conflict"


def test_pages_are_followed(api, world):
    for number in range(5):
        world.apply(service(f"s{number}"))
    core = client.CoreV1Api(api)
    page = core.list_service_for_all_namespaces(limit=2)
    names = [one.metadata.name for one in page.items]
    while token := page.metadata._continue:
        page = core.list_service_for_all_namespaces(limit=2, _continue=token)
        names += [one.metadata.name for one in page.items]
    assert names == ["s0", "s1", "s2", "s3", "s4"]


def test_a_watch_sees_writes_and_its_time_limit(api, world):
    core = client.CoreV1Api(api)
    world.apply(service("a"))
    events = []
    ready = threading.Event()

    def reader():
        for event in watch.Watch().stream(core.list_service_for_all_namespaces, timeout_seconds=1):
            events.append((event["type"], event["object"].metadata.name))
            ready.set()

    thread = threading.Thread(target=reader)
    thread.start()
    assert ready.wait(10)
    world.apply(service("b"))
    thread.join(10)
    assert not thread.is_alive(), "timeoutSeconds ends the stream"
    assert events == [("ADDED", "a"), ("ADDED", "b")]


def test_an_expired_watch_raises_410(api, world):
    core = client.CoreV1Api(api)
    version = str(world.resource_version)
    world.apply(service("a"))
    world.compact()
    with pytest.raises(ApiException) as gone:
        list(
            watch.Watch().stream(
                core.list_service_for_all_namespaces, resource_version=version, timeout_seconds=1
            )
        )
    assert gone.value.status == 410


def test_the_dynamic_client_finds_its_way_by_discovery(api, world):
    world.apply(ingress())
    resource = DynamicClient(api).resources.get(api_version="networking.k8s.io/v1", kind="Ingress")
    assert [one.metadata.name for one in resource.get(namespace="default").items] == ["web"]


def test_leases_are_taken_over_by_version(api):
    leases = client.CoordinationV1Api(api)
    body = {
        "metadata": {"name": "glbc"},
        "spec": {"holderIdentity": "a", "leaseDurationSeconds": 15},
    }
    made = leases.create_namespaced_lease("kube-system", body)
    version = made.metadata.resource_version
    body["metadata"]["resourceVersion"] = version
    body["spec"]["holderIdentity"] = "b"
    leases.replace_namespaced_lease("glbc", "kube-system", body)
    with pytest.raises(ApiException) as lost:
        leases.replace_namespaced_lease("glbc", "kube-system", body)
    assert lost.value.status == 409
