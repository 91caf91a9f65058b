"""Plan 10 000 resources: in full, after one edit, and what it takes in memory. Prints JSON rows."""

import json
import resource
import statistics
import time
from collections.abc import Callable
from typing import Any

import msgspec

from fakes.build import container, http_get, ingress, node, pod, service
from glbc.config import Config
from glbc.model.graph import Graph
from glbc.model.view import View
from glbc.model.views import VIEWS, Hints, Snapshot
from glbc.naming import Namer
from glbc.plan.planner import plan
from glbc.plan.simulate import after
from glbc.translate.desired import translate

INGRESSES, SERVICES, PODS = 2800, 800, 10_000
ROUNDS = 5


def snapshot() -> Snapshot:
    """Return a cluster whose load balancers have 10 000 resources, and 10 000 pods behind them."""
    views: dict[str, dict[str, View]] = {kind: {} for kind in VIEWS}
    objects = [node(f"node-{n}", f"us-central1-{'abc'[n % 3]}") for n in range(30)]
    objects += [service(f"bench/s{n}", f"80->{30000 + n}") for n in range(SERVICES)]
    objects += [a_pod(n) for n in range(PODS)]
    for n in range(INGRESSES):
        rules = {
            f"h{n}.example.com": [("/", f"s{n % SERVICES}:80"), ("/api", f"s{n * 7 % SERVICES}:80")]
        }
        objects.append(ingress(f"bench/web-{n}", rules, default=f"s{n % SERVICES}:80"))
    for obj in objects:
        name = "/".join(filter(None, (obj["metadata"].get("namespace"), obj["metadata"]["name"])))
        views[obj["kind"]][name] = msgspec.convert(obj, VIEWS[obj["kind"]])
    return Snapshot(
        ingresses=views["Ingress"],  # type: ignore[arg-type]
        services=views["Service"],  # type: ignore[arg-type]
        nodes=views["Node"],  # type: ignore[arg-type]
        pods=views["Pod"],  # type: ignore[arg-type]
        complete=frozenset(VIEWS),
    )


def a_pod(number: int, path: str = "/ready") -> dict[str, Any]:
    """Return a pod of one of the Services, with the probe that its health check is made from."""
    app = container("app", "80", readiness=http_get(path, 80))
    return pod(f"bench/p{number}", app, app=f"s{number % SERVICES}")


def milliseconds(work: Callable[[], object]) -> float:
    """Return the median of a few rounds."""
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        work()
        times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times)


def main() -> None:
    """Measure and print."""
    config, namer = Config(project="demo", node_tags=("node",)), Namer("16f2a1b3c4d5e6f7", "k")
    seen = snapshot()
    translated = translate(seen, Hints(), namer, config)
    desired = translated.graph
    empty: Graph = Graph()
    actual = after(empty, plan(desired, empty).actions)
    first = next(iter(seen.ingresses))
    edited = {
        **seen.ingresses,
        first: msgspec.convert(
            ingress(first, {"h0.example.com": [("/new", "s1:80")]}, default="s0:80"),
            VIEWS["Ingress"],
        ),
    }
    changed = msgspec.structs.replace(seen, ingresses=edited)
    new_pod = {"bench/p0": msgspec.convert(a_pod(0, "/new"), VIEWS["Pod"])}
    other_pods = msgspec.structs.replace(seen, pods={**seen.pods, **new_pod})
    after_edit = translate(changed, Hints(), namer, config, translated).graph
    actions = plan(after_edit, actual).actions
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    rows = [
        ("resources in the graph", float(len(desired)), ""),
        (
            "ms to translate everything",
            milliseconds(lambda: translate(seen, Hints(), namer, config)),
            "",
        ),
        (
            "ms to translate after one edit",
            milliseconds(lambda: translate(changed, Hints(), namer, config, translated)),
            "",
        ),
        (
            "ms to translate when nothing changed",
            milliseconds(lambda: translate(seen, Hints(), namer, config, translated)),
            "",
        ),
        (
            f"ms to translate after one of {PODS} pods changed",
            milliseconds(lambda: translate(other_pods, Hints(), namer, config, translated)),
            "as when nothing changed",
        ),
        ("ms to plan everything from nothing", milliseconds(lambda: plan(desired, empty)), ""),
        ("ms to plan everything at rest", milliseconds(lambda: plan(desired, actual)), ""),
        (
            "ms to plan everything after one edit",
            milliseconds(lambda: plan(after_edit, actual)),
            "",
        ),
        ("actions planned after one edit", float(len(actions)), "1"),
        ("peak memory of both graphs and the plans, MiB", peak, ""),
    ]
    print(json.dumps(rows))


if __name__ == "__main__":
    main()
