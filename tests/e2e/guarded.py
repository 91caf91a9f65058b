"""A world in which both fakes hold glbc to what deploy/ grants it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from fakes.stack import PROJECT
from tests.e2e.world import World

ROBOT = "glbc@demo.iam.gserviceaccount.com"
TOKEN = "token-of-the-service-account"
DEPLOY = Path("deploy")
CONFIG = {
    "resync_sec": 10,
    "https_redirect": "explicit",
    "health_interval_sec": 5,
    "subnetwork": f"projects/{PROJECT}/regions/us-central1/subnetworks/default",
}


class Guarded(World):
    """A world in which glbc is the service account that deploy/ makes of it."""

    settings: Mapping[str, Any] = CONFIG

    def install(self) -> None:
        """Apply what deploy/ grants, and let both fakes hold glbc to it."""
        self.kubectl("apply", "-f", str(DEPLOY / "crds"), "-f", str(DEPLOY / "rbac.yaml"))
        account = {"token": TOKEN, "user": "system:serviceaccount:kube-system:glbc"}
        self.ask("POST", f"{self.kube}/_fake/rbac", account)
        role = yaml.safe_load((DEPLOY / "iam-role.yaml").read_text())["includedPermissions"]
        self.ask("POST", f"{self.gce}/_fake/iam", {"caller": ROBOT, "permissions": role})
        config = json.loads(self.kubeconfig.read_text())
        config["users"][0]["user"] = {"token": TOKEN}
        self.robot.write_text(json.dumps(config))
        key = rsa.generate_private_key(65537, 2048).private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        account = {
            "type": "service_account",
            "project_id": PROJECT,
            "private_key_id": "1",
            "private_key": key.decode(),
            "client_email": ROBOT,
            "client_id": "1",
            "token_uri": f"{self.gce}/there-is-no-token-endpoint",
        }
        self.key_file.write_text(json.dumps(account))

    @property
    def robot(self) -> Path:
        return self.directory / "robot.kubeconfig"

    @property
    def key_file(self) -> Path:
        return self.directory / "key.json"

    def environment(self) -> dict[str, str]:
        return super().environment() | {"GOOGLE_APPLICATION_CREDENTIALS": str(self.key_file)}

    def glbc_options(self) -> list[str]:
        self.config = yaml.safe_dump(dict(self.settings))
        options = [one for one in super().glbc_options() if one != "--anonymous"]
        return [*options, "--kubeconfig", str(self.robot)]

    def glbc(self, *words: str, code: int = 0) -> str:
        """Run a command as the service account to its end."""
        done = self.run("glbc", *words, *self.glbc_options())
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    def rbac(self) -> dict[str, Any]:
        return self.ask("GET", f"{self.kube}/_fake/rbac")

    def iam(self) -> dict[str, Any]:
        return self.ask("GET", f"{self.gce}/_fake/iam")

    def insert(self, kind: str, **body: Any) -> None:
        """Make something in the project as its owner does."""
        self.post(f"global/{kind}", **body)
        self.until(
            lambda: any(one["name"] == body["name"] for one in self.bodies(kind)),
            f"{kind} {body['name']} is there",
        )

    def post(self, path: str, **body: Any) -> None:
        """Change something in the project as its owner does."""
        self.ask("POST", f"{self.gce}/compute/v1/projects/{PROJECT}/{path}", body)

    def events_counted(self) -> int:
        """Return how often the Event that is told most often was told."""
        events = json.loads(self.kubectl("get", "events", "-o", "json"))["items"]
        return max(event.get("count", 1) for event in events)

    def front(self, kind: str, name: str) -> dict[str, Any]:
        """Return a part of an Ingress's front end, {} when it is not there."""
        mark = f"-default-{name}-"
        return next((body for body in self.bodies(kind) if mark in body["name"]), {})

    def backend(self, port: int) -> dict[str, Any]:
        """Return the backend service of a node port, {} when there is none."""
        mark = f"k8s-be-{port}--"
        bodies = self.bodies("backendServices")
        return next((body for body in bodies if body["name"].startswith(mark)), {})

    def leads(self, kind: str, name: str, field: str, wanted: str) -> bool:
        """Tell where a part of a front end leads."""
        return self.last(self.front(kind, name), field) == wanted

    def last(self, what: Mapping[str, Any], field: str) -> str:
        """Return the name that a field refers to, "" when it refers to nothing."""
        return str(what.get(field, "")).rpartition("/")[2]
