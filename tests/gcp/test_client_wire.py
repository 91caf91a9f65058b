"""The adapter against canned answers: what it sends, and the answers that a fake never gives."""

import json
import re
import subprocess
import sys
from urllib.parse import parse_qs, urlsplit

import pytest

from glbc.errors import Denied, NotFound, NotReady, RateLimited, Rejected, Transient
from glbc.gcp.client import GoogleCloud
from glbc.model.calls import Call, Verb
from glbc.model.health import Member
from glbc.model.keys import GLOBAL, Kind, ResourceKey, zone
from tests.gcp.canned import SILENCE, answering

CHECK = ResourceKey("demo", Kind.HEALTH_CHECK, GLOBAL, "check")
RULE = ResourceKey("demo", Kind.FORWARDING_RULE, GLOBAL, "rule")
GROUP = ResourceKey("demo", Kind.INSTANCE_GROUP, zone("us-a"), "group")
DONE = (200, {"name": "op", "status": "DONE", "progress": 100})
RUNNING = (200, {"name": "op", "status": "RUNNING", "progress": 0})
BUSY = (503, {"error": {"code": 503, "errors": [{"reason": "backendError", "message": "m"}]}})
ROOT = "/compute/v1/projects/demo"


def insert(key=CHECK, **body):
    return Call(Verb.INSERT, key, {"name": key.name, **body})


def test_importing_the_adapter_does_not_import_google():
    script = (
        "import sys, glbc.gcp.client\n"
        "print([m for m in sys.modules if m.split('.')[0] in ('google', 'requests')])"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"


def test_the_body_goes_out_as_the_rest_json_it_is(connect):
    body = {
        "IPAddress": "203.0.113.1",
        "IPProtocol": "TCP",
        "portRange": "80-80",
        "allPorts": False,
        "labels": {"a": "b"},
    }
    with answering(DONE) as (url, asked):
        connect(url).call(insert(RULE, **body))
    method, path, sent = asked[0]
    assert ("POST", f"{ROOT}/global/forwardingRules") == (method, urlsplit(path).path)
    assert json.loads(sent) == {"name": "rule", **body}


@pytest.mark.parametrize(
    ("call", "method", "path"),
    [
        pytest.param(
            Call(Verb.DELETE, GROUP), "DELETE", "zones/us-a/instanceGroups/group", id="zone"
        ),
        pytest.param(Call(Verb.DELETE, CHECK), "DELETE", "global/healthChecks/check", id="global"),
        pytest.param(
            Call(Verb.UPDATE, CHECK, {"name": "check"}),
            "PUT",
            "global/healthChecks/check",
            id="PUT",
        ),
    ],
)
def test_a_call_goes_to_the_scope_of_its_key(connect, call, method, path):
    with answering(DONE) as (url, asked):
        connect(url).call(call)
    assert [(method, f"{ROOT}/{path}")] == [(m, urlsplit(p).path) for m, p, _ in asked]


def test_a_call_goes_to_the_project_of_its_key(connect):
    with answering(DONE) as (url, asked):
        connect(url).call(Call(Verb.DELETE, ResourceKey("host", Kind.FIREWALL, GLOBAL, "fw")))
    assert "/projects/host/global/firewalls/fw" in asked[0][1]


def test_a_repeated_mutation_is_the_same_request(connect):
    with answering(BUSY, BUSY, DONE) as (url, asked):
        connect(url).call(insert())
        connect(url).call(insert())
    ids = [parse_qs(urlsplit(path).query)["requestId"] for _, path, _ in asked]
    assert ids[0] == ids[1] == ids[2] != ids[3]
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", ids[0][0])


def test_nobody_but_the_retry_policy_repeats_a_read(connect):
    with answering(*[BUSY] * 5, DONE) as (url, asked), pytest.raises(Transient):
        connect(url).get(CHECK)
    assert len(asked) == 5


def test_an_operation_is_waited_for_where_it_lives(connect):
    with answering(RUNNING, RUNNING, RUNNING, DONE) as (url, asked):
        connect(url).call(Call(Verb.DELETE, GROUP))
    wait = f"{ROOT}/zones/us-a/operations/op/wait"
    assert [("POST", wait)] * 3 == [(m, p) for m, p, _ in asked[1:]]


def test_trouble_with_waiting_says_nothing_about_the_resource(connect):
    with answering(RUNNING, BUSY, BUSY, BUSY, BUSY, BUSY, BUSY, DONE) as (url, asked):
        connect(url).call(insert())
    assert len(asked) == 8


def test_an_operation_that_nobody_knows_any_more_is_not_a_resource_that_is_gone(connect):
    gone = (404, {"error": {"code": 404, "message": "m", "errors": [{"reason": "notFound"}]}})
    with answering(RUNNING, gone) as (url, _), pytest.raises(Transient) as raised:
        connect(url).call(Call(Verb.DELETE, CHECK))
    assert raised.value.reason == "operationUnknown"


@pytest.mark.parametrize(
    ("later", "why"),
    [
        pytest.param(RUNNING, "still running", id="it never ends"),
        pytest.param(BUSY, "insert healthChecks/check: wait: m", id="nobody answers"),
    ],
)
def test_an_operation_that_takes_too_long_is_not_ready(connect, later, why):
    with answering(RUNNING, later) as (url, _), pytest.raises(NotReady) as raised:
        connect(url, operation_timeout_sec=0.05).call(insert())
    assert raised.value.reason == "operationTimeout"
    assert str(raised.value) == (
        "insert healthChecks/check: operation op is not known to be done after 0.05 s: " + why
    )


def test_a_failed_operation_without_a_status_is_not_a_success(connect):
    errors = [{"code": "SOMETHING_NEW", "message": "odd"}]
    answer = {"name": "op", "status": "DONE", "error": {"errors": errors}}
    with (
        answering((200, answer)) as (url, _),
        pytest.raises(Transient, match=r"^insert healthChecks/check: odd$"),
    ):
        connect(url).call(insert())


@pytest.mark.parametrize(
    ("answer", "cls", "message"),
    [
        pytest.param((200, "<html>sign in</html>"), Transient, None, id="a portal's page"),
        pytest.param((200, ""), Transient, None, id="an empty answer"),
        pytest.param((502, "<html>bad gateway</html>"), Transient, None, id="a gateway's page"),
        pytest.param((401, {"error": {"code": 401}}), Denied, None, id="no credentials"),
        pytest.param((418, {}), Rejected, None, id="an empty envelope"),
        pytest.param(
            (403, {"error": {"errors": [{"reason": "rateLimitExceeded", "message": "a\n b"}]}}),
            RateLimited,
            "get healthChecks/check: a b",
            id="the server's words, in one line",
        ),
        pytest.param(
            (404, {"error": {"message": "was not found"}}),
            NotFound,
            None,
            id="an envelope without a list of errors",
        ),
    ],
)
def test_an_odd_answer(connect, answer, cls, message):
    with answering(answer) as (url, _), pytest.raises(cls) as raised:
        connect(url).get(CHECK)
    assert type(raised.value) is cls
    assert raised.value.__cause__ is not None
    assert str(raised.value).startswith("get healthChecks/check: ")
    assert "\n" not in str(raised.value)
    if message:
        assert message == str(raised.value)


def test_a_server_that_does_not_answer_in_time_is_transient(connect):
    with answering(SILENCE) as (url, asked), pytest.raises(Transient, match="timed out"):
        connect(url, call_timeout_sec=0.05).get(CHECK)
    assert len(asked) == 5


def test_without_credentials_nothing_starts_and_the_way_out_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
    with pytest.raises(Denied, match="gcloud auth application-default login"):
        GoogleCloud("demo")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        pytest.param({"backends": []}, "backends", id="a list"),
        pytest.param({"description": None}, "description", id="a null"),
        pytest.param(
            {"cdnPolicy": {"bypassCacheOnRequestHeaders": []}}, "cdnPolicy.bypass", id="deep"
        ),
    ],
)
def test_a_patch_that_would_clear_what_the_library_does_not_send_is_a_bug(connect, body, field):
    key = ResourceKey("demo", Kind.BACKEND_SERVICE, GLOBAL, "be")
    with answering(DONE) as (url, asked), pytest.raises(ValueError, match=field):
        connect(url).call(Call(Verb.PATCH, key, body))
    assert asked == []


def test_a_patch_may_leave_a_list_inside_a_list_empty(connect):
    key = ResourceKey("demo", Kind.URL_MAP, GLOBAL, "map")
    body = {"pathMatchers": [{"name": "m", "pathRules": []}]}
    with answering(DONE) as (url, asked):
        connect(url).call(Call(Verb.PATCH, key, body))
    assert json.loads(asked[0][2]) == {"pathMatchers": [{"name": "m"}]}


def test_a_patch_sends_what_is_zero_false_or_an_empty_text(connect):
    key = ResourceKey("demo", Kind.BACKEND_SERVICE, GLOBAL, "be")
    body = {
        "affinityCookieTtlSec": 0,
        "enableCDN": False,
        "description": "",
        "connectionDraining": {"drainingTimeoutSec": 0},
        "logConfig": {"sampleRate": 0.0},
        "iap": {},
    }
    with answering(DONE) as (url, asked):
        connect(url).call(Call(Verb.PATCH, key, body))
    assert json.loads(asked[0][2]) == body


def test_an_update_clears_a_list_by_leaving_it_out(connect):
    key = ResourceKey("demo", Kind.BACKEND_SERVICE, GLOBAL, "be")
    with answering(DONE) as (url, asked):
        connect(url).call(Call(Verb.UPDATE, key, {"name": "be", "backends": []}))
    assert json.loads(asked[0][2]) == {"name": "be"}


@pytest.mark.parametrize(
    ("call", "text"),
    [
        pytest.param(insert(bogus=1), "bogus", id="a field that the library does not know"),
        pytest.param(insert(timeoutSec="soon"), "timeoutSec", id="a value of another type"),
        pytest.param(
            Call(Verb.SET_TARGET, CHECK, {}), "has no setTarget", id="another kind's verb"
        ),
        pytest.param(
            Call(Verb.PATCH, ResourceKey("demo", Kind.SSL_CERTIFICATE, GLOBAL, "c"), {}),
            "has no patch",
            id="a verb that the API does not have",
        ),
    ],
)
def test_a_call_that_cannot_be_expressed_is_a_bug_and_is_not_sent(connect, call, text):
    with answering(DONE) as (url, asked), pytest.raises(ValueError, match=text):
        connect(url).call(call)
    assert asked == []


def test_a_list_is_all_its_pages(connect):
    pages = [
        (200, {"items": [{"name": "a"}], "nextPageToken": "t1"}),
        (200, {"nextPageToken": "t2"}),
        (200, {"items": [{"name": "b"}, {"name": "c"}]}),
    ]
    with answering(*pages) as (url, asked):
        assert [{"name": n} for n in "abc"] == connect(url).list(Kind.HEALTH_CHECK)
    queries = [parse_qs(urlsplit(path).query) for _, path, _ in asked]
    assert queries == [
        {"maxResults": ["500"]},
        {"maxResults": ["500"], "pageToken": ["t1"]},
        {"maxResults": ["500"], "pageToken": ["t2"]},
    ]


def test_only_the_page_that_failed_is_asked_for_again(connect):
    pages = [
        (200, {"items": [{"name": "a"}], "nextPageToken": "t1"}),
        BUSY,
        (200, {"items": [{"name": "b"}]}),
    ]
    with answering(*pages) as (url, asked):
        assert len(connect(url).list(Kind.URL_MAP)) == 2
    assert len(asked) == 3


def test_an_aggregated_list_flattens_its_zones_and_skips_what_says_nothing(connect):
    nothing = {"warning": {"code": "NO_RESULTS_ON_PAGE", "message": "none", "data": []}}
    page = {
        "items": {
            "zones/a": {"instanceGroups": [{"name": "g", "zone": "z/a", "size": 2}]},
            "zones/b": nothing,
            "regions/r": {"instanceGroups": [{"name": "regional", "region": "r"}]},
            "zones/c": {"instanceGroups": [{"name": "g", "zone": "z/c"}]},
        }
    }
    with answering((200, page)) as (url, asked):
        found = connect(url).list(Kind.INSTANCE_GROUP)
    assert sorted(found, key=lambda body: body["zone"]) == [
        {"name": "g", "zone": "z/a", "size": 2},
        {"name": "g", "zone": "z/c"},
    ]
    assert urlsplit(asked[0][1]).path == f"{ROOT}/aggregated/instanceGroups"


@pytest.mark.parametrize(
    ("kind", "page"),
    [
        pytest.param(
            Kind.INSTANCE_GROUP,
            {"items": {"zones/a": {"warning": {"code": "UNREACHABLE", "message": "zone a"}}}},
            id="a zone that cannot be reached",
        ),
        pytest.param(Kind.INSTANCE, {"unreachables": ["zones/a"]}, id="the page says so"),
        pytest.param(
            Kind.URL_MAP,
            {"items": [{"name": "a"}], "warning": {"code": "PARTIAL_SUCCESS"}},
            id="a part of a global list",
        ),
    ],
)
def test_a_part_of_a_list_is_not_the_list(connect, kind, page):
    with answering((200, page)) as (url, _), pytest.raises(Transient, match="incomplete"):
        connect(url).list(kind)


def test_what_is_under_way_is_asked_for_with_a_filter_and_no_other_place_matters(connect):
    beyond = {"warning": {"code": "UNREACHABLE", "message": "region r"}}
    late = {"name": "operation-1", "status": "RUNNING", "targetLink": "projects/p/global/urlMaps/m"}
    done = {"name": "operation-2", "status": "DONE"}
    pages = [
        {"items": {"global": {"operations": [late, done]}}, "nextPageToken": "t"},
        {"items": {"regions/r": beyond, "zones/a": {"operations": [late]}}},
    ]
    with answering(*((200, page) for page in pages)) as (url, asked):
        assert connect(url).under_way("p") == [late, late]
    assert urlsplit(asked[0][1]).path == "/compute/v1/projects/p/aggregated/operations"
    assert parse_qs(urlsplit(asked[0][1]).query)["filter"] == ["status != DONE"]


def test_what_is_under_way_in_a_zone_that_cannot_be_reached_is_not_known(connect):
    page = {"items": {"zones/a": {"warning": {"code": "UNREACHABLE", "message": "zone a"}}}}
    with answering((200, page)) as (url, _), pytest.raises(Transient, match="incomplete"):
        connect(url).under_way("p")


def test_a_list_of_a_missing_project_names_the_project(connect):
    words = "The resource 'projects/nope' was not found"
    error = {"code": 404, "message": words, "errors": [{"message": words, "reason": "notFound"}]}
    with answering((404, {"error": error})) as (url, _), pytest.raises(NotFound) as raised:
        connect(url, project="nope").list(Kind.URL_MAP)
    assert str(raised.value) == f"list urlMaps of project nope: {words}"


def test_members_are_all_pages_and_may_be_none(connect):
    pages = [
        (200, {"items": [{"instance": "i/1", "status": "RUNNING"}], "nextPageToken": "t"}),
        (200, {"items": [{"instance": "i/2"}]}),
        (200, {"kind": "compute#instanceGroupsListInstances"}),
    ]
    with answering(*pages) as (url, asked):
        cloud = connect(url)
        assert cloud.members(GROUP) == ["i/1", "i/2"]
        assert cloud.members(GROUP) == []
    assert {"POST"} == {method for method, _, _ in asked}
    assert f"{ROOT}/zones/us-a/instanceGroups/group/listInstances" == urlsplit(asked[0][1]).path


def test_health_is_asked_once_and_each_member_comes_back_with_its_word(connect):
    backend = ResourceKey("p", Kind.BACKEND_SERVICE, GLOBAL, "web")
    states = [
        {"healthState": "HEALTHY", "port": 80, "instance": "i/1"},
        {"healthState": "UNHEALTHY"},
        {},
    ]
    answers = [(200, {"healthStatus": states}), (200, {}), (503, {}), (200, {})]
    with answering(*answers) as (url, asked):
        cloud = connect(url)
        assert cloud.health(backend, GROUP) == [
            Member("i/1", "HEALTHY", "", 80),
            Member("", "UNHEALTHY"),
            Member("", "Unknown"),
        ]
        assert cloud.health(backend, GROUP) == []
        with pytest.raises(Transient):
            cloud.health(backend, GROUP)
    assert len(asked) == 3
    method, path, body = asked[0]
    assert (method, urlsplit(path).path) == ("POST", f"/compute/v1/{backend.path}/getHealth")
    assert json.loads(body) == {"group": GROUP.link}


def test_what_is_read_is_rest_json_with_the_apis_names(connect):
    body = {
        "kind": "compute#forwardingRule",
        "id": "1234567890123456789",
        "name": "rule",
        "IPAddress": "203.0.113.1",
        "IPProtocol": "TCP",
        "portRange": "80-80",
        "unknownToTheLibrary": 1,
    }
    with answering((200, body)) as (url, _):
        found = connect(url).get(RULE)
    assert found == {name: value for name, value in body.items() if name != "unknownToTheLibrary"}
