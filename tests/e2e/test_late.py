"""A switch to a backend that is not up yet, under load: with the wait nothing is lost, without it much."""

import json
from pathlib import Path
from typing import Any

import pytest

from fakes.build import ingress
from fakes.demotls import Load
from tests.e2e.test_wire import answers, deployment, service, told
from tests.e2e.world import World

SLOW = 30  # seconds of a manifest until the first probe of a new pod; the nodes' seconds are tenths


def late(name: str) -> dict[str, Any]:
    """Return a Deployment whose pods take a while to be ready."""
    made = deployment(name)
    probe = made["spec"]["template"]["spec"]["containers"][0]["readinessProbe"]
    probe["initialDelaySeconds"] = SLOW
    return made


def switched(directory: Path, config: str) -> Load:
    """Send a live Ingress to a Service that is made in the same breath; return the load meanwhile."""
    one = World(directory, traffic=True)
    one.config = config
    with one:
        one.apply(deployment("web"), service("web", "web"))
        one.start_glbc()
        one.apply(ingress("default/switch", default="web:80", class_name="gce"))
        address = one.served("default/switch")
        one.until(lambda: answers(address).startswith("web-"), "the Ingress answers")
        with Load(f"http://{address}/") as load:
            one.until(lambda: load.asked > 30, "requests flow")
            one.apply(
                late("api"),
                service("api", "api"),
                ingress("default/switch", default="api:80", class_name="gce"),
            )
            one.until(lambda: answers(address).startswith("api-"), "the new backend answers")
            seen = load.asked
            one.until(lambda: load.asked > seen + 100, "requests flow on")
        assert "glbc.invalid" not in json.dumps(one.url_map("default/switch"))
        one.assert_sound()
    return load


@pytest.mark.parametrize(
    ("config", "loses"),
    [
        pytest.param("", False, id="with the wait nothing is lost"),
        pytest.param("switch_wait_sec: 0\n", True, id="without it requests meet a cold backend"),
    ],
)
def test_a_switch_to_a_backend_that_is_not_up_yet(tmp_path: Path, config: str, loses: bool) -> None:
    load = switched(tmp_path, config)
    told(load, f"backend switch, {config.strip() or 'as it comes'}")
    assert bool(load.failed) == loses, load.failed[:5]
