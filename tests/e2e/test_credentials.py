"""The ways in which glbc gets credentials for the cloud, each held to the role of deploy/.

A key file is what tests/e2e/test_permissions.py runs with. Here: the metadata server of an instance,
behind which Workload Identity hides, too; and nothing at all.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from fakes.stack import PROJECT
from tests.e2e.guarded import ROBOT, Guarded

SCOPES = "https://www.googleapis.com/auth/compute"
ACCOUNT = "/computeMetadata/v1/instance/service-accounts/default/"
ANSWERS: dict[str, Any] = {
    # The fake cloud takes a token that is not signed for the name of its caller.
    f"{ACCOUNT}token": {"access_token": ROBOT, "expires_in": 3600, "token_type": "Bearer"},
    ACCOUNT: {"aliases": ["default"], "email": ROBOT, "scopes": [SCOPES]},
    "/computeMetadata/v1/project/project-id": PROJECT,
    "/computeMetadata/v1/universe/universe-domain": "googleapis.com",
    "/": "",
}


class Metadata(BaseHTTPRequestHandler):
    """What an instance's metadata server says of its service account."""

    def do_GET(self) -> None:
        found = ANSWERS.get(self.path.partition("?")[0])
        refused = found is None or self.headers.get("Metadata-Flavor") != "Google"
        is_json = isinstance(found, dict)
        body = (json.dumps(found) if is_json else str(found)).encode()
        self.send_response(404 if refused else 200)
        self.send_header("Metadata-Flavor", "Google")
        self.send_header("Content-Type", "application/json" if is_json else "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def metadata_server() -> Iterator[str]:
    """Serve on a free port of this machine; yields `host:port`."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Metadata)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


class OnInstance(Guarded):
    """A world whose glbc has no key file, only what the environment says."""

    variables: dict[str, str]

    def environment(self) -> dict[str, str]:
        told = super().environment()
        del told["GOOGLE_APPLICATION_CREDENTIALS"]
        return told | self.variables


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OnInstance]:
    made = OnInstance(tmp_path_factory.mktemp("credentials"))
    made.variables = {}
    with made:
        made.install()
        yield made


def test_the_account_of_the_instance_is_used(one: OnInstance) -> None:
    with metadata_server() as server:
        one.variables = {"GCE_METADATA_HOST": server, "GCE_METADATA_IP": server}
        assert "Nothing to do." in one.glbc("plan")
    told = one.iam()
    assert told["denied"] == []
    assert told["used"]["compute.backendServices.list"] > 0


def test_a_role_that_lacks_something_is_told_with_the_permission(one: OnInstance) -> None:
    role = [name for name in one.iam()["roles"][ROBOT] if "backendServices.list" not in name]
    one.ask("POST", f"{one.gce}/_fake/iam", {"caller": ROBOT, "permissions": role})
    with metadata_server() as server:
        one.variables = {"GCE_METADATA_HOST": server, "GCE_METADATA_IP": server}
        done = one.run("glbc", "plan", *one.glbc_options())
    assert (done.returncode, done.stdout) == (1, "")
    assert "compute.backendServices.list" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_without_any_it_is_said_what_to_do(one: OnInstance, tmp_path: Path) -> None:
    one.variables = {"NO_GCE_CHECK": "true", "CLOUDSDK_CONFIG": str(tmp_path)}
    done = one.run("glbc", "plan", *one.glbc_options())
    assert (done.returncode, done.stdout) == (1, "")
    assert "GOOGLE_APPLICATION_CREDENTIALS" in done.stderr
    assert len(done.stderr.splitlines()) == 1
