"""P12: stop the process after any call; the next one comes to the same end, with nothing leaked."""

from collections.abc import Callable
from typing import Any

import pytest

from fakes.build import ingress, service
from glbc.model.calls import Write
from tests.scenario.test_backendconfig import KEY, OTHER_KEY, install, secret, web_service
from tests.scenario.test_backendconfig import config as backend_config
from tests.support import pki
from tests.support.house import House

BEFORE = ingress("shop/web", {"a.example.com": [("/", "front:80")]}, default="dflt:80")
AFTER = ingress(
    "shop/web", {"a.example.com": [("/", "front:80"), ("/api", "api:8080")]}, default="dflt:80"
)
OTHER = ingress("shop/other", {"b.example.com": [("/", "front:80")]}, default="dflt:80")
SERVICES = (
    service("shop/front", "80->30301"),
    service("shop/api", "8080->30302"),
    service("shop/dflt", "80->30303"),
    service("shop/next", "80->30304"),
    service("shop/spare", "80->30305"),
)


def create(house: House) -> None:
    house.apply(*SERVICES, BEFORE, OTHER)


def edit(house: House) -> None:
    house.apply(AFTER)


def repoint(house: House) -> None:
    """Two live routes go to backends that nothing has led to before."""
    house.apply(
        ingress(
            "shop/web",
            {"a.example.com": [("/", "next:80"), ("/api", "api:8080")]},
            default="spare:80",
        )
    )


def drop_service(house: House) -> None:
    house.apply(BEFORE)
    house.kube.delete("Service", "shop/api")


def speak_https(house: House) -> None:
    manifest = service("shop/front", "web=80->30301")
    manifest["metadata"]["annotations"] = {"cloud.google.com/app-protocols": '{"web":"HTTPS"}'}
    house.apply(manifest)


def class_away(house: House) -> None:
    other = {"kubernetes.io/ingress.class": "nginx"}
    house.apply({**OTHER, "metadata": {**OTHER["metadata"], "annotations": other}})


def class_back(house: House) -> None:
    house.apply(OTHER)


def lose_a_node(house: House) -> None:
    house.kube.delete("Node", "node-2")


def add_tls(house: House) -> None:
    secured = {**BEFORE, "spec": {**BEFORE["spec"], "tls": [{"secretName": "tls"}]}}
    house.apply(pki.secret("shop/tls", *pki.pair("a.example.com")), secured)


def rotate(house: House) -> None:
    house.apply(pki.secret("shop/tls", *pki.pair("a.example.com", 2)))


def delete_one(house: House) -> None:
    house.kube.delete("Ingress", "shop/web")


def delete_all(house: House) -> None:
    house.kube.delete("Ingress", "shop/other")


STORY: tuple[Callable[[House], None], ...] = (
    create,
    edit,
    repoint,
    drop_service,
    speak_https,
    class_away,
    class_back,
    lose_a_node,
    add_tls,
    rotate,
    delete_one,
    delete_all,
)


def configured(house: House) -> None:
    """Create what BackendConfigs can be applied to, and the policies that they name."""
    install(house)
    house.apply(
        web_service(),
        service("shop/dflt", "80->30303"),
        ingress("shop/web", {"a.example.com": [("/", "web:80")]}, default="dflt:80"),
        ingress("shop/other", {"b.example.com": [("/", "web:80")]}, default="dflt:80"),
        secret("signing", key_value=KEY),
        secret("client", client_id="me", client_secret="hush"),
    )


def config_with(**spec: Any) -> Callable[[House], None]:
    """Return the step that applies a BackendConfig."""

    def step(house: House) -> None:
        house.apply(backend_config(spec))

    step.__name__ = f"config with {', '.join(spec) or 'nothing'}"
    return step


def rotate_key(house: House) -> None:
    house.apply(secret("signing", key_value=OTHER_KEY))


CDN = {"enabled": True, "signedUrlKeys": [{"keyName": "one", "secretName": "signing"}]}
IAP = {"enabled": True, "oauthclientCredentials": {"secretName": "client"}}
CONFIGURED: tuple[Callable[[House], None], ...] = (
    configured,
    config_with(timeoutSec=75, securityPolicy={"name": "armor"}, healthCheck={"port": 30999}),
    config_with(cdn=CDN, customRequestHeaders={"headers": ["X-A: b"]}),
    rotate_key,
    config_with(iap=IAP, sessionAffinity={"affinityType": "CLIENT_IP"}),
    config_with(),
    delete_one,
    delete_all,
)
STORIES = {"an Ingress": STORY, "a BackendConfig": CONFIGURED}


class Stopped(BaseException):
    """The process is gone: nothing in it may catch this."""


def arm(house: House, number: int, moment: str) -> None:
    """Stop the controller at its `number`-th write from now: before it, after it, or at a publish."""
    left = [number]

    def count(_: Any) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise Stopped

    if moment == "before":
        house.cloud.before = count
    elif moment == "after":
        house.cloud.after = count
    else:
        carry_out = house.cluster.write

        def write(write: Write) -> None:
            if moment == "before publishing":
                count(write)
            carry_out(write)
            if moment == "after publishing":
                count(write)

        house.cluster.write = write  # type: ignore[method-assign]


def tell(story: str, number: int = 0, moment: str = "before") -> tuple[list[Any], bool]:
    """Run a story, stopping once; return the state of the cloud after each step."""
    house = House()
    if number:
        arm(house, number, moment)
    states, stopped = [], False
    for step in STORIES[story]:
        step(house)
        try:
            house.settle()
        except Stopped:
            stopped = True
            house.start()
            house.settle()
        states.append(house.gce.dump())
    assert house.ingress("shop/web") is None
    assert house.ingress("shop/other") is None
    return states, stopped


@pytest.fixture(scope="module", params=STORIES)
def story(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def undisturbed(story: str) -> list[Any]:
    states, _ = tell(story)
    return states


@pytest.mark.parametrize(
    "moment", ["before", "after", "before publishing", "after publishing"], ids=lambda m: m
)
@pytest.mark.parametrize("part", range(4), ids=lambda n: f"part {n + 1} of 4")
def test_stopped_anywhere_it_comes_to_the_same_end(
    undisturbed: list[Any], story: str, moment: str, part: int
) -> None:
    number, reached = part + 1, True
    while reached:
        states, reached = tell(story, number, moment)
        assert undisturbed == states, f"stopped {moment} write {number}"
        number += 4
    assert number > 8, "the story has no such moment"


def test_nothing_is_left_at_the_end(undisturbed: list[Any]) -> None:
    left = {key for key in undisturbed[-1] if "k8s" in key}
    assert set() == left
