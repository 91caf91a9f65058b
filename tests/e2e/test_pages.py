"""The kustomizations that docs/ shows, built by the real kubectl, and their configurations, read."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from glbc.config import parse

PAGES = ("gke", "kops", "bare")
BLOCK = re.compile(r"^```yaml\n# (\S+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def built(page: str, directory: Path) -> list[dict[str, Any]]:
    """Write a page's files as the page says, and build them."""
    shutil.copytree("deploy", directory / "deploy")
    mine = directory / "my-cluster"
    mine.mkdir()
    files = dict(BLOCK.findall(Path(f"docs/{page}.md").read_text()))
    assert files.keys() == {"kustomization.yaml", "config.yaml"}
    for name, text in files.items():
        named = re.sub(r"\bPROJECT\b", "my-project", text)
        (mine / name).write_text(re.sub(r"\bNETWORK\b", "my-network", named))
    kubectl = Path(sys.executable).with_name("kubectl")
    done = subprocess.run(
        [kubectl, "kustomize", mine], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


def of(objects: list[dict[str, Any]], kind: str, name: str) -> dict[str, Any]:
    found = [one for one in objects if one["kind"] == kind]
    (named,) = [one for one in found if one["metadata"]["name"].startswith(name)]
    return named


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_shows_can_be_applied(page: str, tmp_path: Path) -> None:
    objects = built(page, tmp_path)
    spec = of(objects, "Deployment", "glbc")["spec"]["template"]["spec"]
    assert spec["containers"][0]["image"] == "REGISTRY/glbc:0.1.0"
    stored = of(objects, "ConfigMap", "glbc-config")
    (volume,) = [one for one in spec["volumes"] if one["name"] == "config"]
    assert volume["configMap"]["name"] == stored["metadata"]["name"]
    config = parse(stored["data"]["config.yaml"], "config.yaml")
    assert config.project == "my-project"


def test_on_gke_the_account_acts_as_googles_and_the_default_backend_keeps_its_port(
    tmp_path: Path,
) -> None:
    objects = built("gke", tmp_path)
    (account,) = of(objects, "ServiceAccount", "glbc")["metadata"]["annotations"].items()
    name, value = account
    assert name == "iam.gke.io/gcp-service-account"
    assert value == "glbc@my-project.iam.gserviceaccount.com"
    (port,) = of(objects, "Service", "default-http-backend")["spec"]["ports"]
    assert port == {"name": "http", "port": 80, "targetPort": 8080, "nodePort": 30000}


def test_a_key_file_is_mounted_beside_the_configuration(tmp_path: Path) -> None:
    spec = of(built("kops", tmp_path), "Deployment", "glbc")["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    (key,) = [m for m in container["volumeMounts"] if m["name"] == "key"]
    assert container["env"][0]["value"] == f"{key['mountPath']}/key.json"
    assert {v["name"] for v in spec["volumes"]} == {"config", "tmp", "key"}


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_points_to_exists(page: str) -> None:
    text = Path(f"docs/{page}.md").read_text()
    links = re.findall(r"\]\(([^)#]+)\)", text)
    assert links
    assert [link for link in links if not (Path("docs") / link).exists()] == []
