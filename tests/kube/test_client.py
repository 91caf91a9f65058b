"""Connecting to a cluster, and what becomes of everything that goes wrong on the way."""

import socket
import threading
import time
from contextlib import nullcontext

import pytest

from glbc.errors import ClusterError
from glbc.kube.client import MERGE_PATCH, ApiError, connect
from tests.kube.scripted import Answer, serving
from tests.kube.support import api, eventually, kubeconfig, refusal

CLUSTER = "clusters: [{name: c, cluster: {server: 'https://127.0.0.1:1'}}]\n"
CONTEXT = "contexts: [{name: x, context: {cluster: c, user: u}}]\ncurrent-context: x\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param("", "file is empty", id="an empty file"),
        pytest.param("- a\n", "TypeError", id="a list where a map should be"),
        pytest.param("a: [\n b: {", "line 2", id="no YAML at all: says the line"),
        pytest.param(CLUSTER, "current-context", id="no context chosen"),
        pytest.param("clusters: []\n" + CONTEXT, "name c", id="a context whose cluster is missing"),
        pytest.param("clusters: [{name: c, cluster: {}}]\n" + CONTEXT, "server", id="no server"),
        pytest.param(
            "clusters: [{name: c, cluster: {server: '127.0.0.1:1'}}]\n" + CONTEXT,
            "https://",
            id="a server without a scheme",
        ),
        pytest.param(
            "clusters: [{name: c, cluster: {server: 'https://h', certificate-authority: no.pem}}]\n"
            + CONTEXT,
            "no.pem",
            id="a certificate file that is missing",
        ),
        pytest.param(
            CLUSTER + CONTEXT + "users: [{name: u, token: SECRET}]\n",
            "Expected key user",
            id="a broken user",
        ),
    ],
)
def test_a_broken_kubeconfig_is_one_line_that_names_the_file(tmp_path, text, says):
    path = tmp_path / "config"
    path.write_text(text)
    with pytest.raises(ClusterError) as caught:
        connect(str(path))
    said = str(caught.value)
    assert said.startswith(f"kubeconfig {path}: ")
    assert says in said
    assert "\n" not in said
    assert "SECRET" not in said


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        pytest.param({"kubeconfig": "/no/such"}, "kubeconfig /no/such: no such file", id="flag"),
        pytest.param(
            {"environ": {"KUBECONFIG": "/no/a:/no/b"}},
            "kubeconfig /no/a:/no/b: no such file",
            id="environment",
        ),
        pytest.param(
            {"environ": {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}},
            "in-cluster service account: cannot be used",
            id="a pod without a token",
        ),
    ],
)
def test_no_configuration_says_where_it_was_looked_for(arguments, says):
    with pytest.raises(ClusterError, match=f"^{says}"):
        connect(**arguments)


def test_an_unknown_context_is_named(tmp_path):
    path = kubeconfig(tmp_path, "http://127.0.0.1:1")
    with pytest.raises(ClusterError, match="other"):
        connect(path, "other")


def test_kubeconfig_of_the_environment_is_used(tmp_path):
    path = kubeconfig(tmp_path, "http://127.0.0.1:1")
    assert connect(environ={"KUBECONFIG": f"/no/such:{path}"}).host == "http://127.0.0.1:1"


def test_a_request_carries_token_query_and_body(tmp_path):
    with serving(lambda _: Answer({"a": 1})) as (url, asked):
        body = api(tmp_path, url).request("PATCH", "/x/a:b", {"q": "1 2"}, {"n": None})
    assert body == b'{"a": 1}'
    (got,) = asked
    assert (got.method, got.path, got.query, got.body) == (
        "PATCH",
        "/x/a%3Ab",
        {"q": "1 2"},
        {"n": None},
    )
    assert got.headers["Authorization"] == "Bearer t"


def test_a_token_file_that_ends_in_a_line_break_works(tmp_path):
    (tmp_path / "token").write_text("t\n")
    with serving(lambda _: Answer({})) as (url, asked):
        path = kubeconfig(tmp_path, url, tokenFile=str(tmp_path / "token"))
        connect(path).request("GET", "/")
    assert asked[0].headers["Authorization"] == "Bearer t"


@pytest.mark.parametrize(
    ("answer", "says", "status", "reason", "after"),
    [
        pytest.param(
            Answer(refusal(403, "Forbidden", message="nodes is forbidden"), 403),
            "403 Forbidden: nodes is forbidden: grant it",
            403,
            "Forbidden",
            0,
            id="a refusal keeps the server's words and adds what to do",
        ),
        pytest.param(
            Answer(refusal(429, "TooManyRequests"), 429, {"Retry-After": "7"}),
            "429 TooManyRequests",
            429,
            "TooManyRequests",
            7,
            id="a server under pressure names a time, and is not asked again behind our back",
        ),
        pytest.param(
            Answer(b"<html>bad gateway</html>", 502), "502", 502, "", 0, id="a proxy's page"
        ),
        pytest.param(
            Answer(b"", 302, {"Location": "/login"}), "302", 302, "", 0, id="a login page"
        ),
    ],
)
def test_an_answer_that_is_no_success_is_an_error(tmp_path, answer, says, status, reason, after):
    with serving(lambda _: answer) as (url, asked):
        with pytest.raises(ApiError) as caught:
            api(tmp_path, url).request("GET", "/api")
        assert str(caught.value).startswith(f"GET {url}/api: {says}")
        assert len(asked) == 1
    error = caught.value
    assert (error.status, error.reason, error.retry_after) == (status, reason, after)


def test_a_server_that_is_not_there_is_one_line(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening: refused
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(ApiError) as caught:
            api(tmp_path, url).request("GET", "/api")
    assert str(caught.value).startswith(f"GET {url}/api: Connection refused: check")
    assert caught.value.status == 0


def test_a_silent_server_is_given_up(tmp_path):
    release = threading.Event()

    def script(_):
        release.wait(10)
        return Answer({})

    with serving(script) as (url, _):
        with pytest.raises(ApiError, match="timed out"):
            api(tmp_path, url).request("GET", "/api", timeout=0.1)
        release.set()


def test_closing_ends_a_request_that_waits_for_its_answer(tmp_path):
    release = threading.Event()
    ended = []

    def script(_):
        release.wait(10)
        return Answer({})

    with serving(script) as (url, asked):
        client = api(tmp_path, url)

        def call():
            try:
                client.request("GET", "/api")
            except ApiError as error:
                ended.append(error)

        thread = threading.Thread(target=call)
        thread.start()
        eventually(lambda: asked, "the request arrives")
        before = time.monotonic()
        client.close()
        thread.join(5)
        assert ended
        assert time.monotonic() - before < 4  # as long as is waited for the thread: 5
        with pytest.raises(ApiError, match="closed"):
            client.request("GET", "/api")
        release.set()


def test_a_fork_closes_alone(tmp_path):
    with serving(lambda _: Answer({})) as (url, _):
        client = api(tmp_path, url)
        client.fork(1).close()
        assert client.request("GET", "/api") == b"{}"


@pytest.mark.parametrize("cut", [False, True], ids=["a proper end", "a broken connection"])
def test_a_stream_yields_whole_lines_and_drops_what_is_left_over(tmp_path, cut):
    got = []
    answer = Answer(lines=[b"one\ntwo", b"three"], tail=b'{"half', cut=cut)
    with (
        serving(lambda _: answer) as (url, _),
        pytest.raises(ApiError) if cut else nullcontext(),
        api(tmp_path, url).stream("/w", silence=5) as stream,
    ):
        got.extend(stream)
    assert got == [b"one", b"two", b"three"]


def test_every_request_is_told_by_its_verb_and_resource(tmp_path, url, world):
    heard = []
    one = connect(kubeconfig(tmp_path, url), heard=heard.append)
    web = "/apis/networking.k8s.io/v1/namespaces/default/ingresses/web"
    one.request("GET", "/api/v1/namespaces/kube-system")
    one.request("GET", "/api/v1/namespaces/default/configmaps")
    one.fork(connections=1).request("GET", "/api/v1/nodes")
    with pytest.raises(ApiError):
        one.request("PATCH", f"{web}/status", body={}, content_type=MERGE_PATCH)
    with one.stream("/apis/networking.k8s.io/v1/ingresses", {"watch": "true"}, silence=5.0):
        pass
    one.close()
    assert [(each.method, each.status, each.result) for each in heard] == [
        ("namespaces.get", 200, "ok"),
        ("configmaps.list", 200, "ok"),
        ("nodes.list", 200, "ok"),
        ("ingresses/status.patch", 404, "Refused"),
        ("ingresses.watch", 200, "ok"),
    ]


def test_a_request_that_gets_no_answer_is_told_too(tmp_path):
    heard = []
    one = connect(kubeconfig(tmp_path, "http://127.0.0.1:1"), heard=heard.append)
    with pytest.raises(ApiError):
        one.request("GET", "/api/v1/nodes")
    assert [(each.method, each.status, each.result) for each in heard] == [
        ("nodes.list", 0, "Unreachable")
    ]
