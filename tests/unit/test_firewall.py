"""What the firewall rules of a network admit, and the command that an admin has to run."""

from typing import Any

import pytest

from glbc.model import compute
from glbc.model.keys import GLOBAL, Kind, Ref, ResourceKey
from glbc.model.ports import spans, written
from glbc.translate.firewall import command, gap_in

NETWORK = Ref(ResourceKey("host", Kind.NETWORK, GLOBAL, "shared"))
OTHER = Ref(ResourceKey("host", Kind.NETWORK, GLOBAL, "other"))
RULE = ResourceKey("host", Kind.FIREWALL, GLOBAL, "k8s-fw-l7--uid")
SOURCES = ("130.211.0.0/22", "35.191.0.0/16")
WANT = compute.Firewall(
    network=NETWORK,
    source_ranges=SOURCES,
    allowed=(compute.Allowed(ip_protocol="tcp", ports=("30000-32767",)),),
    target_tags=("a", "b"),
)


def part(*ports: str, protocol: str = "tcp") -> compute.Allowed:
    return compute.Allowed(ip_protocol=protocol, ports=ports)


def rule(*allowed: compute.Allowed, **fields: Any) -> compute.Firewall:
    more = {"network": NETWORK, "source_ranges": SOURCES, **fields}
    return compute.Firewall(allowed=allowed, **more) if allowed else compute.Firewall(**more)


def gap(*rules: compute.Firewall) -> str:
    keyed = {
        ResourceKey("host", Kind.FIREWALL, GLOBAL, f"rule-{at}"): one
        for at, one in enumerate(rules)
    }
    return gap_in(keyed, WANT)


@pytest.mark.parametrize(
    "rules",
    [
        pytest.param((rule(part("30000-32767")),), id="the very same"),
        pytest.param((rule(part("1-65535")),), id="more ports"),
        pytest.param((rule(part()),), id="no port named: all of them"),
        pytest.param((rule(part(protocol="all")),), id="every protocol"),
        pytest.param((rule(part(protocol="6")),), id="the number of TCP"),
        pytest.param((rule(part("30000-31000", "31001-32767")),), id="two ranges that touch"),
        pytest.param(
            (rule(part("30000-31000")), rule(part("30900-32767"))), id="two rules together"
        ),
        pytest.param((rule(part(), source_ranges=("0.0.0.0/0",)),), id="everybody"),
        pytest.param((rule(part(), source_ranges=()),), id="no source named: everybody"),
        pytest.param(
            (
                rule(part(), source_ranges=("130.211.0.0/23", "130.211.2.0/23")),
                rule(part(), source_ranges=("35.191.0.0/16",)),
            ),
            id="a range in two halves",
        ),
        pytest.param((rule(part(), target_tags=("a", "b")),), id="both tags"),
        pytest.param(
            (rule(part(), target_tags=("a",)), rule(part(), target_tags=("b", "c"))),
            id="a rule for each tag",
        ),
        pytest.param(
            (rule(part()), rule(denied=(part(),), priority=2000)), id="a denial that comes later"
        ),
        pytest.param(
            (rule(part()), rule(denied=(part("22"),), priority=1)), id="a denial of other ports"
        ),
        pytest.param(
            (rule(part()), rule(denied=(part(),), priority=1, direction="EGRESS")),
            id="a denial of what goes out",
        ),
        pytest.param(
            (rule(part()), rule(denied=(part(),), priority=1, disabled=True)),
            id="a denial that is off",
        ),
    ],
)
def test_nothing_is_missing(rules: tuple[compute.Firewall, ...]) -> None:
    assert gap(*rules) == ""


@pytest.mark.parametrize(
    ("rules", "missing"),
    [
        pytest.param((), "130.211.0.0/22 reach tcp:30000-32767 of nodes with tag a", id="no rule"),
        pytest.param(
            (rule(part("30000-32766")),), "130.211.0.0/22 reach tcp:30000-32767", id="a port short"
        ),
        pytest.param((rule(part(protocol="udp")),), "130.211.0.0/22", id="another protocol"),
        pytest.param(
            (rule(part(), source_ranges=("130.211.0.0/22",)),), "35.191.0.0/16", id="one range"
        ),
        pytest.param(
            (rule(part(), source_ranges=("130.211.0.0/23", "35.191.0.0/16")),),
            "130.211.0.0/22",
            id="half a range",
        ),
        pytest.param((rule(part(), target_tags=("a",)),), "with tag b", id="one tag"),
        pytest.param((rule(part(), network=OTHER),), "tag a", id="another network"),
        pytest.param((rule(part(), disabled=True),), "tag a", id="a rule that is off"),
        pytest.param((rule(part(), direction="EGRESS"),), "tag a", id="the other direction"),
        pytest.param(
            (rule(part()), rule(denied=(part("32000"),), priority=999)),
            "tag a",
            id="a denial first",
        ),
        pytest.param(
            (rule(part()), rule(denied=(part(),))), "tag a", id="of equal priority a denial decides"
        ),
        pytest.param(
            (rule(part(), source_ranges=(), source_tags=("x",)),), "tag a", id="other instances"
        ),
        pytest.param(
            (rule(part(), target_service_accounts=("me@x",)),), "tag a", id="service accounts"
        ),
        pytest.param((rule(part(), source_ranges=("::/0",)),), "tag a", id="IPv6"),
    ],
)
def test_what_is_missing_is_named(rules: tuple[compute.Firewall, ...], missing: str) -> None:
    assert missing in gap(*rules)


@pytest.mark.parametrize(
    ("ports", "expected"),
    [
        pytest.param(("2-3", "1"), ("1-3",), id="neighbours are joined"),
        pytest.param(("5-9", "7-12", "6"), ("5-12",), id="what overlaps is joined"),
        pytest.param(("80", "443"), ("80", "443"), id="nothing between is opened"),
        pytest.param(("x", "", "7-"), ("7",), id="what is no port is left out"),
    ],
)
def test_ports_are_merged_and_sorted(ports: tuple[str, ...], expected: tuple[str, ...]) -> None:
    assert expected == written(spans(ports))


@pytest.mark.parametrize(
    ("verb", "expected"),
    [
        (
            "create",
            (
                "gcloud compute firewall-rules create k8s-fw-l7--uid --network shared --description "
                '"GCE L7 firewall rule" --allow tcp:30000-32767 --source-ranges '
                "130.211.0.0/22,35.191.0.0/16 --target-tags a,b --project host"
            ),
        ),
        (
            "update",
            (
                'gcloud compute firewall-rules update k8s-fw-l7--uid --description "GCE L7 firewall rule" '
                "--allow tcp:30000-32767 --source-ranges 130.211.0.0/22,35.191.0.0/16 "
                "--target-tags a,b --project host"
            ),
        ),
        ("delete", "gcloud compute firewall-rules delete k8s-fw-l7--uid --project host"),
    ],
    ids=["create", "update", "delete"],
)
def test_the_command_is_upstreams(verb: str, expected: str) -> None:
    assert expected == command(verb, RULE, WANT)
