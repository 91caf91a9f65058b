"""Old Ingresses and new Events: views of what is stored in another version."""

from pathlib import Path

import pytest
import yaml

from .conftest import INGRESSES, Door, ingress

OLD = "/apis/extensions/v1beta1/namespaces/default/ingresses"
BETA = "/apis/networking.k8s.io/v1beta1/namespaces/default/ingresses"
CORE_EVENTS = "/api/v1/namespaces/default/events"
NEW_EVENTS = "/apis/events.k8s.io/v1/namespaces/default/events"


def test_the_walkthrough_of_2016_is_stored_as_of_today(door: Door):
    text = (Path(__file__).parent / "manifests" / "walkthrough-2016.yaml").read_text()
    manifest = next(one for one in yaml.safe_load_all(text) if one["kind"] == "Ingress")
    made = door.post(OLD, manifest, fieldValidation="Strict")
    assert made.status == 201, made.body
    assert made.body["spec"] == manifest["spec"]
    assert made.body["apiVersion"] == "extensions/v1beta1"
    today = door.get(f"{INGRESSES}/echomap").body
    assert today["spec"] == {
        "tls": [{"secretName": "tls-secret"}],
        "defaultBackend": {"service": {"name": "echoheaders", "port": {"number": 80}}},
    }


@pytest.mark.parametrize("path", [OLD, BETA])
def test_old_paths_and_ports_come_back_as_they_went_in(door: Door, path):
    backend = {"serviceName": "web", "servicePort": "http"}
    spec = {"rules": [{"host": "a.com", "http": {"paths": [{"path": "/x", "backend": backend}]}}]}
    made = door.post(path, {"metadata": {"name": "web"}, "spec": spec}).body
    (stored,) = door.get(f"{INGRESSES}/web").body["spec"]["rules"][0]["http"]["paths"]
    assert stored == {
        "path": "/x",
        "pathType": "ImplementationSpecific",
        "backend": {"service": {"name": "web", "port": {"name": "http"}}},
    }
    (shown,) = made["spec"]["rules"][0]["http"]["paths"]
    assert shown == {"path": "/x", "pathType": "ImplementationSpecific", "backend": backend}


def test_a_patch_speaks_the_version_of_its_url(door: Door):
    door.post(INGRESSES, ingress())
    change = {"spec": {"backend": {"serviceName": "other", "servicePort": 81}}}
    assert door.patch(f"{OLD}/web", change).body["spec"] == change["spec"]
    stored = door.get(f"{INGRESSES}/web").body
    assert stored["spec"]["defaultBackend"]["service"] == {"name": "other", "port": {"number": 81}}
    assert stored["metadata"]["generation"] == 2


def test_new_fields_are_unknown_to_the_old_version(door: Door):
    answer = door.post(
        OLD, {"metadata": {"name": "web"}, "spec": ingress()["spec"]}, fieldValidation="Strict"
    )
    assert 'unknown field "spec.defaultBackend"' in answer.body["message"]


def test_an_old_watch_shows_old_objects(door: Door):
    with door.watch(OLD) as watch:
        door.post(INGRESSES, ingress())
        event = watch.take(1)[0]
        assert event["object"]["apiVersion"] == "extensions/v1beta1"
        assert event["object"]["spec"] == {"backend": {"serviceName": "web", "servicePort": 80}}


EVENT = {
    "metadata": {"name": "web.1"},
    "involvedObject": {"kind": "Ingress", "name": "web", "namespace": "default", "uid": "u"},
    "reason": "Sync",
    "type": "Normal",
    "message": "done",
    "count": 2,
    "source": {"component": "glbc"},
    "firstTimestamp": "2023-11-14T22:13:00Z",
    "lastTimestamp": "2023-11-14T22:13:20Z",
}


def test_an_event_is_one_object_in_both_groups(door: Door):
    door.post(CORE_EVENTS, EVENT)
    new = door.get(f"{NEW_EVENTS}/web.1").body
    assert (new["note"], new["regarding"]["name"], new["deprecatedCount"]) == ("done", "web", 2)
    assert new["deprecatedSource"] == {"component": "glbc"}
    door.patch(f"{NEW_EVENTS}/web.1", {"note": "done again"})
    assert door.get(f"{CORE_EVENTS}/web.1").body["message"] == "done again"


@pytest.mark.parametrize(
    ("path", "selector", "count"),
    [
        pytest.param(
            CORE_EVENTS, "involvedObject.name=web,involvedObject.kind=Ingress", 1, id="by object"
        ),
        pytest.param(
            CORE_EVENTS,
            "involvedObject.uid=u,reason=Sync,type=Normal",
            1,
            id="by uid, reason and type",
        ),
        pytest.param(CORE_EVENTS, "source=glbc", 1, id="by source"),
        pytest.param(CORE_EVENTS, "involvedObject.name=other", 0, id="of another object"),
        pytest.param(NEW_EVENTS, "regarding.name=web", 1, id="in the words of the new group"),
    ],
)
def test_events_are_found_by_field(door: Door, path, selector, count):
    door.post(CORE_EVENTS, EVENT)
    assert len(door.get(path, fieldSelector=selector).body["items"]) == count
