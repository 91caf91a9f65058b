"""How each resource of the graph stands, and what leads to what."""

import pytest

from glbc.model import compute
from glbc.model.finding import ObjectRef
from glbc.model.graph import Graph, Ownership, wanted
from glbc.model.keys import GLOBAL, Kind, Ref, ResourceKey
from glbc.plan.chart import Verdict, chart, links
from glbc.plan.drawn import ANSI, FILL, SIGN, tree
from glbc.plan.planner import plan
from tests.property.worlds import converged, desired, observed
from tests.unit.test_render import ONE

WEB = ObjectRef("Ingress", "shop", "web")
POLICY = ResourceKey("demo", Kind.SECURITY_POLICY, GLOBAL, "armor")


def key(kind: Kind, name: str) -> ResourceKey:
    return ResourceKey("demo", kind, GLOBAL, name)


PROXY, MAP, CERTIFICATE, SERVICE = (
    key(Kind.TARGET_HTTPS_PROXY, "proxy"),
    key(Kind.URL_MAP, "map"),
    key(Kind.SSL_CERTIFICATE, "theirs"),
    key(Kind.BACKEND_SERVICE, "service"),
)
WANTED = Graph(
    [
        wanted(
            PROXY,
            compute.TargetHttpsProxy(url_map=Ref(MAP), ssl_certificates=(Ref(CERTIFICATE),)),
            wanted_by=[WEB],
        ),
        wanted(MAP, compute.UrlMap(default_service=Ref(SERVICE)), wanted_by=[WEB]),
        wanted(SERVICE, compute.BackendService(security_policy=Ref(POLICY)), wanted_by=[WEB]),
    ]
)
OLD_MAP = compute.UrlMap(default_service=Ref(key(Kind.BACKEND_SERVICE, "old")))


@pytest.mark.parametrize(
    ("there", "unreadable", "of", "expected"),
    [
        pytest.param([], [], MAP, Verdict.CREATE, id="nothing is there"),
        pytest.param([], [], CERTIFICATE, Verdict.MISSING, id="what others make is not there"),
        pytest.param([], [], PROXY, Verdict.BLOCKED, id="it needs what is missing"),
        pytest.param([], [], POLICY, Verdict.FOREIGN, id="a policy is never ours"),
        pytest.param(
            [observed(MAP, OLD_MAP)], [], MAP, Verdict.DIFFERS, id="another field than wanted"
        ),
        pytest.param(
            [observed(SERVICE, compute.BackendService(security_policy=Ref(POLICY)))],
            [],
            SERVICE,
            Verdict.RIGHT,
            id="as wanted",
        ),
        pytest.param(
            [observed(CERTIFICATE, compute.SslCertificate(), Ownership.FOREIGN)],
            [],
            CERTIFICATE,
            Verdict.FOREIGN,
            id="somebody's certificate, used",
        ),
        pytest.param(
            [observed(MAP, OLD_MAP, Ownership.FOREIGN)],
            [],
            MAP,
            Verdict.BLOCKED,
            id="somebody has the name",
        ),
        pytest.param(
            [observed(MAP, OLD_MAP, Ownership.UNREADABLE)],
            [],
            MAP,
            Verdict.UNREADABLE,
            id="it could not be read",
        ),
        pytest.param([], ["urlMaps"], MAP, Verdict.UNREADABLE, id="its kind could not be listed"),
    ],
)
def test_how_a_resource_stands(there, unreadable, of: ResourceKey, expected: Verdict) -> None:
    actual = Graph(there, unreadable)
    nodes = chart(WANTED, actual, plan(WANTED, actual), WEB)
    assert expected == next(node.verdict for node in nodes if node.key == of)


def test_what_nobody_wants_is_in_the_whole_graph_only() -> None:
    stray = observed(key(Kind.URL_MAP, "stray"), compute.UrlMap(description="ours"))
    theirs = observed(key(Kind.URL_MAP, "theirs"), compute.UrlMap(), Ownership.FOREIGN)
    actual = Graph([stray, theirs])
    due = plan(WANTED, actual)
    verdicts = {node.key: node.verdict for node in chart(WANTED, actual, due)}
    assert verdicts[stray.key] is Verdict.DELETE
    assert theirs.key not in verdicts
    assert stray.key not in {node.key for node in chart(WANTED, actual, due, WEB)}


def test_what_is_kept_says_so() -> None:
    stray = observed(key(Kind.URL_MAP, "stray"), compute.UrlMap(description="ours"))
    actual = Graph([stray])
    nodes = chart(Graph(), actual, plan(Graph(), actual, keep=[stray.key]))
    assert [node.verdict for node in nodes] == [Verdict.KEPT]


def test_a_link_of_a_url_map_tells_its_requests() -> None:
    url_map = next(one for one in desired(ONE) if one.key.kind == Kind.URL_MAP)
    told = [(link.field, link.label) for link in links(url_map.spec)]
    assert told == [
        ("defaultService", "defaultService"),
        ("pathMatchers[0].defaultService", "defaultService shop.example"),
        ("pathMatchers[0].pathRules[0].service", "pathRules shop.example/cart"),
    ]


def test_every_link_leads_to_a_node_and_every_node_is_drawn() -> None:
    actual = converged(desired(ONE))
    nodes = chart(desired(ONE), actual, plan(desired(ONE), actual))
    keys = {node.key for node in nodes}
    assert {link.to for node in nodes for link in node.links} <= keys
    drawn = "\n".join(tree(nodes))
    assert all(str(one) in drawn for one in keys)


def test_every_verdict_has_a_sign_of_its_own_and_colours() -> None:
    assert len(set(SIGN.values())) == len(SIGN) == len(Verdict)
    assert ANSI.keys() == FILL.keys() == set(Verdict)
