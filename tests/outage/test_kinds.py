"""Kinds that come and go, and objects of them that nobody can read."""

import json

import pytest

from fakes.build import service
from tests.outage.scene import OBJECTS, PORTS, begin, caught_up, front, meanwhile, nothing_is_lost
from tests.outage.wired import definitions, wired

CRD = "backendconfigs.cloud.google.com"
LAX = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


def with_config():
    """The Service that the paths lead to, with a BackendConfig."""
    made = service("shop/api", f"80->{PORTS['api']}")
    made["metadata"]["annotations"] = {
        "cloud.google.com/backend-config": json.dumps({"default": "timing"})
    }
    return made


def config(spec, name="timing"):
    return {
        "apiVersion": "cloud.google.com/v1",
        "kind": "BackendConfig",
        "metadata": {"namespace": "shop", "name": name},
        "spec": spec,
    }


def timeout(house):
    (api,) = [
        one for one in house.gce.resources("backendServices") if str(PORTS["api"]) in one["name"]
    ]
    return api["timeoutSec"]


def test_kinds_that_are_installed_later_are_seen(tmp_path, logged):
    """What a Service named before there was such a kind is taken up when there is."""
    with wired(tmp_path, *OBJECTS, crds=False) as house:
        begin(house)
        with nothing_is_lost(house):
            house.apply(with_config())
            house.until(lambda: "BackendConfigNotFound" in str(house.events()), "it is told")
            house.run(900)
        house.apply(*definitions())
        house.apply(config({"timeoutSec": 77}))
        house.until(lambda: timeout(house) == 77, "it is taken up")
        meanwhile(house)
        caught_up(house)


def test_a_kind_that_is_removed_takes_nothing_of_what_serves_along(house):
    house.apply(config({"timeoutSec": 77}), with_config())
    house.until(lambda: timeout(house) == 77, "it is taken up")
    house.converge()
    with nothing_is_lost(house):
        house.kube.delete("CustomResourceDefinition", CRD)
        house.apply(front("old", "/api", "/more"))
        house.until(lambda: "BackendConfigNotFound" in str(house.events()), "it is told")
        house.run(900)
        assert timeout(house) == 77
    house.apply(*definitions("backendconfigs"))
    house.apply(config({"timeoutSec": 78}))
    house.until(lambda: timeout(house) == 78, "it is taken up again")
    meanwhile(house)
    caught_up(house)


def test_a_kind_that_is_not_found_for_a_while_is_not_gone(house, logged):
    """A server that starts answers 404 for custom kinds until it has read their definitions."""
    house.apply(config({"timeoutSec": 77}), with_config())
    house.until(lambda: timeout(house) == 77, "it is taken up")
    house.converge()
    with nothing_is_lost(house):
        house.kube.fault(resource="backendconfigs", status=404, times=-1)
        house.kube.close_watches()
        house.until(lambda: house.unseen() == {"BackendConfig"}, "the metric tells of it")
        house.run(900)
        assert "BackendConfigNotFound" not in str(house.events())
        assert house.unseen() == {"BackendConfig"}
    house.kube.clear_faults()
    meanwhile(house)
    caught_up(house)


@pytest.mark.parametrize("known", [True, False], ids=["that was read before", "that is new"])
def test_an_object_that_cannot_be_read_costs_only_itself(house, logged, known):
    (definition,) = definitions("backendconfigs")
    for version in definition["spec"]["versions"]:
        version["schema"] = {"openAPIV3Schema": LAX}
    house.apply(definition, config({"timeoutSec": 50}, "fine"))
    if known:
        house.apply(config({"timeoutSec": 77}), with_config())
        house.until(lambda: timeout(house) == 77, "it is taken up")
        house.converge()
    with nothing_is_lost(house):
        house.apply(config("no map"), with_config(), front("more", "/api"))
        house.until(lambda: house.address("shop/more"), "others go on")
        unseen = set() if known else {"BackendConfig"}
        house.until(lambda: "object_unreadable" in [one["event"] for one in logged], "it is told")
        house.until(lambda: house.unseen() == unseen, "the metric tells of it")
        house.run(900)
        assert "shop/fine" in house.cluster.snapshot().backend_configs
        (told,) = [one for one in logged if one["event"] == "object_unreadable"]
        assert told["object"] == "shop/timing"
        assert timeout(house) == (77 if known else 30)
        assert house.unseen() == unseen
    meanwhile(house)
    if known:
        house.until(lambda: house.ingress("shop/leaving") is None, "what was deleted is gone")
    else:
        house.until(lambda: house.address("shop/new"), "what was added serves")
        house.run(900)
        assert house.ingress("shop/leaving")  # what nobody has read might want it
    house.apply(config({"timeoutSec": 78}))
    house.until(lambda: timeout(house) == 78, "it is read again")
    caught_up(house)
