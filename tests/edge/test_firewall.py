"""Which rules let the health checkers in."""

import pytest

from fakes.edge.firewall import admits

CHECKERS = ["130.211.0.0/22", "35.191.0.0/16"]
INSTANCE = {"networkInterfaces": [{"network": "global/networks/default"}], "tags": {"items": ["n"]}}
TCP = [{"IPProtocol": "tcp"}]
OPEN = {"sourceRanges": CHECKERS, "allowed": TCP}


def _ports(*ports: str, protocol: str = "tcp"):
    return [{"IPProtocol": protocol, "ports": list(ports)}]


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        pytest.param([], False, id="nothing admits nothing"),
        pytest.param([OPEN], True, id="all ports"),
        pytest.param([{**OPEN, "allowed": _ports("30000-32767")}], True, id="a range of ports"),
        pytest.param([{**OPEN, "allowed": _ports("80", "30080")}], True, id="the port"),
        pytest.param([{**OPEN, "allowed": _ports("80", "30081-40000")}], False, id="other ports"),
        pytest.param([{**OPEN, "allowed": _ports(protocol="all")}], True, id="all protocols"),
        pytest.param([{**OPEN, "allowed": _ports(protocol="udp")}], False, id="UDP"),
        pytest.param([{**OPEN, "disabled": True}], False, id="disabled"),
        pytest.param([{**OPEN, "direction": "EGRESS"}], False, id="what goes out"),
        pytest.param([{**OPEN, "network": "global/networks/other"}], False, id="another network"),
        pytest.param([{**OPEN, "targetTags": ["m", "n"]}], True, id="one of its tags"),
        pytest.param([{**OPEN, "targetTags": ["m"]}], False, id="others' tags"),
        pytest.param([{**OPEN, "sourceRanges": CHECKERS[:1]}], False, id="only half the checkers"),
        pytest.param(
            [{**OPEN, "sourceRanges": [cidr]} for cidr in CHECKERS], True, id="half and half"
        ),
        pytest.param([{"allowed": TCP}], True, id="no source means any"),
        pytest.param([{"allowed": TCP, "sourceTags": ["n"]}], False, id="sources by tag"),
        pytest.param(
            [{**OPEN, "sourceRanges": ["35.190.0.0/15", "130.211.0.0/23", "130.211.2.0/23"]}],
            True,
            id="larger and adjacent ranges",
        ),
        pytest.param(
            [OPEN, {"denied": TCP, "sourceRanges": ["35.191.7.0/24"], "priority": 999}],
            False,
            id="denied before",
        ),
        pytest.param([OPEN, {"denied": TCP}], False, id="of equals the denial"),
        pytest.param([OPEN, {"denied": TCP, "priority": 1001}], True, id="denied behind"),
        pytest.param(
            [OPEN, {"denied": _ports("1-30079"), "priority": 1}], True, id="another port denied"
        ),
    ],
)
def test_the_checkers_come_in_if_the_rules_say_so(rules, expected):
    assert admits(rules, INSTANCE, 30080) is expected
