"""The examples of deploy/ as golden cases: what each comes to in the usual cluster.

What an example says must be there first is there: Secrets, the certificate and the address of the
project, and for the bare Ingresses the Services and the class that they go with.
"""

import base64
import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from fakes.build import node, service
from glbc.model.views import Hints
from glbc.naming import Namer
from glbc.translate.desired import Desired, translate
from tests.golden.cases import KUBE_SYSTEM, UID, VIEW_OF, config_of, snapshot_of
from tests.support import pki

DEPLOY = Path(__file__).parents[2] / "deploy"
EXAMPLES = sorted((DEPLOY / "examples").glob("*.yaml"))
GOLDEN = Path(__file__).parent / "examples"
NOW = pki.START.timestamp() + 86400
HINTS = Hints(
    certificates={"example-cert": ""},
    addresses={"example-ip": "203.0.113.7"},
)

Manifest = dict[str, Any]


def read(path: Path) -> list[Manifest]:
    """Return the objects of a file, in their order; those without a namespace are in `default`."""
    found = []
    for manifest in yaml.safe_load_all(path.read_text()):
        meta = manifest["metadata"]
        if manifest["kind"] != "IngressClass":
            meta = {"namespace": "default", **meta}
        found.append({**manifest, "metadata": meta})
    return found


def usual() -> Iterator[Manifest]:
    """Yield what is there in every cluster that an example is applied to."""
    for name, place in (("node-1", "us-central1-a"), ("node-2", "us-central1-b")):
        yield node(name, place)
    yield service("kube-system/default-http-backend", "http=80->30000")
    yield from read(DEPLOY / "ingress-class.yaml")
    yield from read(DEPLOY / "examples" / "shop.yaml")


def beside(manifest: Manifest) -> Iterator[Manifest]:
    """Yield what a cluster makes of an object, and what its user had to make before."""
    meta, spec = manifest["metadata"], manifest.get("spec", {})
    if manifest["kind"] == "Deployment":
        pod = spec["template"]
        for number in range(spec["replicas"]):
            name = f"{meta['name']}-{number}"
            own = {**pod["metadata"], "name": name, "namespace": meta["namespace"]}
            yield {"apiVersion": "v1", "kind": "Pod", "metadata": own, "spec": pod["spec"]}
    for entry in spec.get("tls", ()):
        where = f"{meta['namespace']}/{entry['secretName']}"
        yield pki.secret(where, *pki.fixed_pair("echo.example.com"))


def stored(manifest: Manifest) -> Manifest:
    """Return an object as an API server keeps it: the words of a Secret are in base64."""
    words = manifest.get("stringData", {})
    if not words:
        return manifest
    data = {name: base64.b64encode(value.encode()).decode() for name, value in words.items()}
    return {"type": "Opaque", **manifest, "data": {**manifest.get("data", {}), **data}}


def translated(path: Path) -> Desired:
    """Return what the objects of an example come to; kinds that nobody looks at are left out."""
    objects = [*usual(), *read(path)]
    objects += [more for one in objects for more in beside(one)]
    seen = [stored(one) for one in objects if one["kind"] in VIEW_OF]
    namer = Namer(UID, KUBE_SYSTEM)
    return translate(snapshot_of(seen), HINTS, namer, config_of(), now=NOW)


def about(path: Path) -> str:
    """Return the first sentence that an example says of itself."""
    lines = itertools.takewhile(lambda line: line.startswith("# "), path.read_text().splitlines())
    words = " ".join(line.removeprefix("# ").strip() for line in lines)
    return re.split(r"[.:](?: |$)", words)[0] + "."
