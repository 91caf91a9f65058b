"""Less than deploy/ grants, where docs/ says that less will do: to look only, and without the firewall."""

from collections.abc import Callable, Iterator

import pytest
import yaml

from fakes.build import ingress, service
from tests.e2e.guarded import CONFIG, DEPLOY, ROBOT, Guarded

ROLE = yaml.safe_load((DEPLOY / "iam-role.yaml").read_text())["includedPermissions"]
LOOKING = [name for name in ROLE if name.endswith((".list", ".get"))]
FIREWALL = {
    "compute.firewalls.create",
    "compute.firewalls.delete",
    "compute.firewalls.update",
    "compute.networks.updatePolicy",
}
SHOP = ingress("default/shop", default="web:80", class_name="gce")


@pytest.fixture
def one(tmp_path) -> Iterator[Guarded]:
    made = Guarded(tmp_path)
    made.settings = CONFIG | {"firewall": "verify"}
    with made:
        made.install()
        made.apply(service("default/web", "80->30001"), SHOP)
        yield made


@pytest.fixture
def grant(one: Guarded) -> Callable[[list[str]], None]:
    def to(role: list[str]) -> None:
        one.ask("POST", f"{one.gce}/_fake/iam", {"caller": ROBOT, "permissions": role})

    return to


def test_the_firewall_can_be_somebody_elses(
    one: Guarded, grant: Callable[[list[str]], None]
) -> None:
    assert set(ROLE) >= FIREWALL
    grant([name for name in ROLE if name not in FIREWALL])
    one.start_glbc()
    one.served("default/shop")
    one.kubectl("delete", "ingress", "shop", "--timeout=60s")
    one.until(lambda: one.ours() == {}, "nothing is left")
    assert one.iam()["denied"] == []


def test_who_only_looks_needs_to_list_and_to_get(
    one: Guarded, grant: Callable[[list[str]], None]
) -> None:
    one.start_glbc()
    one.served("default/shop")
    one.end("glbc")
    grant(LOOKING)
    plan = one.run("glbc", "plan", *one.glbc_options())
    assert (plan.returncode in {0, 2}, plan.stderr) == (True, "")
    assert "shop" in one.glbc("explain", "default/shop")
    assert "shop" in one.glbc("graph")
    assert one.iam()["denied"] == []
