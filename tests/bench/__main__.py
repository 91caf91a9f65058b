"""Print the table. Every row says what it counts; seconds are of this machine, ratios are not."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from fakes.build import ingress, service
from fakes.stack import Stack

INGRESSES = 100
SERVICES = 20
LATENCY = 0.5  # seconds that every operation of the fake cloud takes
WORKERS = 32  # glbc's default number of cloud threads
CHAIN = 7  # operations one after the other: group, its ports, its members, BS, UM, proxy, rule
RESYNC = 10  # seconds, the shortest that the configuration allows
READS = ("get", "list", "aggregatedList", "listInstances")
HEALTH = ("getHealth",)  # a budget of its own, whatever else is read
WAITS = ("wait",)
LIMIT = 300.0  # seconds that anything may take


class Table:
    """Rows as they are measured."""

    def __init__(self) -> None:
        print(f"{'':<58} {'measured':>10}  what it would be at best")

    def row(self, what: str, measured: float | str, best: str = "") -> None:
        """Print one row."""
        shown = (
            measured if isinstance(measured, str) else f"{measured:,.2f}".rstrip("0").rstrip(".")
        )
        print(f"{what:<58} {shown:>10}  {best}", flush=True)

    def title(self, text: str) -> None:
        """Print what the next rows are about."""
        print(f"\n{text}", flush=True)


def main() -> int:
    """Run everything."""
    table = Table()
    with tempfile.TemporaryDirectory(prefix="glbc-bench-") as directory:
        controller(table, Path(directory))
    table.title("Planning, no I/O")
    for line in measured("planning"):
        table.row(*line)
    table.title("Endpoints: 10 000 pods of 50 Services in 3 zones")
    for line in measured("endpoints"):
        table.row(*line)
    return 0


def controller(table: Table, directory: Path) -> None:
    """Measure `glbc run` as a process, against both fakes as processes."""
    with Stack(directory) as stack:
        stack.seed_nodes()
        stack.ask("POST", f"{stack.gce}/_fake/latency", {"default": LATENCY})
        for obj in objects():
            create(stack, obj)
        config = directory / "glbc.yaml"
        config.write_text(
            json.dumps({"resync_sec": RESYNC, "http": {"address": ""}}), encoding="utf-8"
        )
        began = time.monotonic()
        glbc = [str(Path(sys.executable).parent / "glbc"), "run", "--config", str(config)]
        stack.start("glbc", [*glbc, *stack.glbc_options()])
        until(lambda: addresses(stack) == INGRESSES)
        took = time.monotonic() - began
        cold_start(table, stack, took)
        at_rest(table, stack)
        one_edit(table, stack)
        table.title("Memory")
        table.row("peak of the glbc process, MiB", stack.peak_memory("glbc") / 2**20)


def cold_start(table: Table, stack: Stack, took: float) -> None:
    """Print what it took to build everything."""
    writes, reads, waits = counted(stack)
    resources = len(stack.ask("GET", f"{stack.gce}/_fake/dump").keys() & ours(stack))
    bound = max(CHAIN * LATENCY, writes * LATENCY / WORKERS)
    table.title(
        f"Cold start: {INGRESSES} Ingresses, {SERVICES} Services, operations of {LATENCY} s"
    )
    table.row("resources made", resources)
    table.row("cloud writes ÷ resources", writes / resources, "1 + two per instance group")
    table.row("cloud reads ÷ writes", reads / writes, "one read per forwarding rule")
    table.row("operation waits ÷ writes", waits / writes, "1")
    table.row("seconds until the last address is published", took)
    table.row("the same ÷ max(one chain, all operations ÷ threads)", took / bound, "1 + start-up")


def at_rest(table: Table, stack: Stack) -> None:
    """Print what two resyncs cost when nothing changes."""
    lists = "compute.firewalls.list"
    start = count(stack)[lists]
    until(lambda: count(stack)[lists] > start)
    time.sleep(1.0)  # the other lists of the same resync
    before = counted(stack)
    then = count(stack)[lists]
    until(lambda: count(stack)[lists] >= then + 2)
    time.sleep(1.0)
    after = counted(stack)
    table.title("At rest, per resync")
    table.row("cloud writes", (after[0] - before[0]) / 2, "0")
    table.row("cloud reads", (after[1] - before[1]) / 2, "kinds × pages + groups")
    table.row("reads of health since the start", asked_for_health(stack), "at most 120 in a minute")


def one_edit(table: Table, stack: Stack) -> None:
    """Print what one more path costs when everything else is at rest."""
    before = counted(stack)
    began = time.monotonic()
    obj = ingress(
        "bench/web-0", {"h0.example.com": [("/", "s0:80"), ("/more", "s1:80")]}, default="s0:80"
    )
    stack.ask(
        "PATCH",
        f"{stack.kube}/apis/networking.k8s.io/v1/namespaces/bench/ingresses/web-0",
        {"spec": obj["spec"]},
    )
    until(lambda: "/more/*" in json.dumps(stack.cloud("global/urlMaps")))
    took = time.monotonic() - began
    after = counted(stack)
    table.title("One edit: a path to a Service that is used already")
    table.row("cloud writes", after[0] - before[0], "1")
    table.row("seconds until the URL map has it ÷ one operation", took / LATENCY, "1")


def measured(part: str) -> Iterator[tuple[str, float, str]]:
    """Measure a part in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", f"tests.bench.{part}"], capture_output=True, text=True, check=True
    )
    yield from json.loads(done.stdout)


def objects() -> Iterator[dict[str, Any]]:
    """Yield the namespace, the Services and the Ingresses."""
    yield {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "bench"}}
    for number in range(SERVICES):
        made = service(f"bench/s{number}", f"80->{30100 + number}")
        del made["spec"]["selector"]  # nothing here makes pods, and none is waited for
        yield made
    for number in range(INGRESSES):
        mine, next_one = f"s{number % SERVICES}:80", f"s{(number + 1) % SERVICES}:80"
        rules = {f"h{number}.example.com": [("/", mine), ("/api", next_one)]}
        yield ingress(f"bench/web-{number}", rules, default=mine)


def create(stack: Stack, obj: Mapping[str, Any]) -> None:
    """POST one object."""
    paths = {
        "Namespace": "/api/v1/namespaces",
        "Service": "/api/v1/namespaces/bench/services",
        "Ingress": "/apis/networking.k8s.io/v1/namespaces/bench/ingresses",
    }
    stack.ask("POST", stack.kube + paths[obj["kind"]], obj)


def addresses(stack: Stack) -> int:
    """Return how many Ingresses have an address."""
    found = stack.ask("GET", f"{stack.kube}/apis/networking.k8s.io/v1/ingresses")
    return sum(
        bool(item["status"].get("loadBalancer", {}).get("ingress")) for item in found["items"]
    )


def ours(stack: Stack) -> set[str]:
    """Return the keys of the dump that are named like ours."""
    return {key for key in stack.ask("GET", f"{stack.gce}/_fake/dump") if "/k8s" in key}


def count(stack: Stack) -> Mapping[str, int]:
    """Return the calls so far by method."""
    counts: dict[str, int] = stack.ask("GET", f"{stack.gce}/_fake/counts")
    return counts


def counted(stack: Stack) -> tuple[int, int, int]:
    """Return the writes, reads and operation waits so far."""
    writes = reads = waits = 0
    for method, number in count(stack).items():
        verb = method.rpartition(".")[2]
        if verb in HEALTH:
            continue
        if verb in WAITS:
            waits += number
        elif verb in READS:
            reads += number
        else:
            writes += number
    return writes, reads, waits


def asked_for_health(stack: Stack) -> int:
    """Return the reads of health so far."""
    return sum(n for method, n in count(stack).items() if method.rpartition(".")[2] in HEALTH)


def until(holds: Callable[[], bool]) -> None:
    """Wait for a condition. Raises TimeoutError."""
    deadline = time.monotonic() + LIMIT
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError("the bench waits in vain")
        time.sleep(0.1)


if __name__ == "__main__":
    sys.exit(main())
