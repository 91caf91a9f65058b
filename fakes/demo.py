"""The walkthrough, and the same world left running for somebody to play with.

Nothing is simulated by this script: kubectl, curl, glbc and each fake are processes that talk over
sockets. Each step prints what was run and what came back, and checks it; the first step that does
not hold ends the walkthrough with exit code 1.
"""

import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from fakes import demotls
from fakes.stack import PROJECT, Stack, StackError

DEPLOY: Final = Path(__file__).resolve().parent.parent / "deploy"
PARTS: Final = ("gce", "kube", "nodes", "edge", "glbc")
INTERRUPTED: Final = 130  # as a shell reports it
UNTIL_SEC: Final = 60.0  # how long anything may take to come true
CHAIN: Final = (
    # The chain from the front: REST path and what to show of each resource
    ("global/forwardingRules", ("IPAddress", "portRange", "target")),
    ("global/targetHttpProxies", ("urlMap",)),
    ("global/urlMaps", ("defaultService", "hostRules")),
    ("global/backendServices", ("portName", "healthChecks", "backends")),
    ("global/healthChecks", ("type", "httpHealthCheck")),
    ("aggregated/instanceGroups", ("zone", "size", "namedPorts")),
    ("global/firewalls", ("sourceRanges", "targetTags")),
)


HTTPS_PATHS: Final = (
    "global/targetHttpsProxies",
    "global/sslCertificates",
    "global/addresses",
)


class NotHeldError(AssertionError):
    """A step of the walkthrough did not come out as it must."""


TROUBLE: Final = (NotHeldError, StackError, OSError, subprocess.TimeoutExpired)


class Walkthrough:
    """The steps, each on what the one before has left."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.number = 0
        self.last_address = ""

    def run(self) -> None:
        """Run all steps. Raises NotHeldError."""
        self.from_nothing_to_an_address()
        self.from_an_edit_to_nothing()
        self.from_a_certificate_to_a_rotation()

    def from_nothing_to_an_address(self) -> None:
        """Start a cluster and glbc, and look at what comes of an Ingress. Raises NotHeldError."""
        self.step("Three nodes in two zones, and the identity of the cluster")
        self.stack.start_nodes()
        self.kubectl("get nodes")
        self.kubectl(
            "create configmap ingress-uid -n kube-system "
            "--from-literal=uid=c90a6bd2f1e34567 --from-literal=provider-uid=c90a6bd2f1e34567"
        )

        self.step(
            "Apply the class, the default backend, a Deployment with three Services, an Ingress"
        )
        self.kubectl(f"apply -f {DEPLOY}/ingress-class.yaml -f {DEPLOY}/default-backend.yaml")
        self.kubectl(f"apply -f {DEPLOY}/examples/shop.yaml -f {DEPLOY}/examples/ingress.yaml")

        self.step("glbc plan: what glbc would do, and nothing is written")
        planned = self.glbc("plan", expect=2)
        self.hold("the whole chain is planned", "10 to create" in planned)
        self.hold("no write", self.writes() == 0)

        self.step("glbc starts")
        self.stack.start_glbc()

        self.step("glbc publishes an address")
        self.kubectl(
            "wait ingress/shop --for=jsonpath={.status.loadBalancer.ingress[0].ip} --timeout=60s"
        )
        shown = self.kubectl("get ingress shop")
        address = self.address()
        self.hold("the class is shown", " gce " in shown)
        self.hold("the hosts are shown", "shop.example.com,static.example.com" in shown)
        self.hold("the address is shown", bool(address) and address in shown)
        self.hold("the port is shown", "80" in shown.splitlines()[1].split())

        self.step("The chain in the cloud, from the front")
        self.chain()
        rules = self.owned("global/forwardingRules")
        self.hold(
            "one forwarding rule has that address", [address] == [r["IPAddress"] for r in rules]
        )
        groups = self.groups()
        self.hold(
            "a group in each zone that has nodes", sorted(g["size"] for g in groups) == [1, 2]
        )
        self.hold(
            "every group has every named port",
            all(len(group["namedPorts"]) == 2 for group in groups),
        )
        self.hold("one firewall rule", len(self.owned("global/firewalls")) == 1)

        self.step("The events tell it")
        told = self.kubectl("describe ingress shop")
        self.until("IPChanged is among the events", lambda: "IPChanged" in self.describe())
        self.hold("the rules are described", "/api" in told and "api:8080" in told)

        self.step("glbc plan: nothing to do, and nothing is written at rest")
        self.at_rest()
        before = self.writes()
        self.glbc("plan", expect=0)
        self.hold("no write", before == self.writes())

    def from_an_edit_to_nothing(self) -> None:
        """Edit the Ingress, then delete it. Raises NotHeldError."""
        address = self.address()
        self.step("Edit: one path more, to a Service that nothing used before")
        calls = self.calls()
        self.kubectl(f"apply -f {DEPLOY}/examples/ingress-edited.yaml")
        self.until("the new path is in the URL map", lambda: "/cart/*" in self.url_map())
        self.at_rest()
        made = self.calls()[len(calls) :]
        for call in made:
            print(f"    {call['method']:<38} {call['name']}")
        self.hold(
            "one health check, one backend service, one port per group, one URL map, no more",
            sorted(call["method"].removeprefix("compute.") for call in made)
            == [
                "backendServices.insert",
                "healthChecks.insert",
                "instanceGroups.setNamedPorts",
                "instanceGroups.setNamedPorts",
                "urlMaps.patch",
            ],
        )
        self.hold("the address stays", address == self.address())

        self.step("Delete the Ingress: everything goes, the finalizer last")
        self.kubectl("delete ingress shop --timeout=60s")
        left = {path: [r["name"] for r in self.owned(path)] for path, _ in CHAIN}
        self.hold(f"nothing is left in the cloud {left}", not any(left.values()))
        self.kubectl("get ingress")
        self.glbc("plan", expect=0)
        self.hold("glbc is still running", self.stack.is_running("glbc"))

    def from_a_certificate_to_a_rotation(self) -> None:
        """Serve the walkthrough of 2016 with TLS, rotate its certificate. Raises NotHeldError."""
        self.step("The walkthrough of 2016: an echo server, a certificate, an Ingress with tls")
        crt, key = demotls.make_certificate(self.stack.directory, 1)
        self.kubectl(f"create secret tls echo --cert {crt} --key {key}")
        began = time.monotonic()
        self.kubectl(f"apply -f {DEPLOY}/examples/tls.yaml")
        where = "{.status.loadBalancer.ingress[0].ip}"
        self.kubectl(f"wait ingress/echo --for=jsonpath={where} --timeout=60s")
        self.until("HTTPS answers", lambda: self.fetched("https").code == "200")
        print(f"    {time.monotonic() - began:.1f} s from kubectl apply to the first 200")
        self.kubectl("get ingress echo")

        self.step("HTTP redirects, HTTPS answers from the pod with the uploaded certificate")
        self.until("HTTP answers 301", lambda: self.fetched("http").code == "301")
        redirected = self.show("http")
        self.hold("to the same address by HTTPS", redirected.location.startswith("https://"))
        pods = self.kubectl("get pods -l app=echoheaders -o name").replace("pod/", "").split()
        answer = self.show("https")
        self.hold("a pod answers", any(f"Hostname: {pod}" in answer.text for pod in pods))
        self.hold("with the uploaded certificate", self.serial() == 1)
        followed = self.show("http", follow=True)
        self.hold("curl follows", followed.code == "200" and "Hostname:" in followed.text)

        self.step("The certificate rotates, and no request fails")
        crt, key = demotls.make_certificate(self.stack.directory, 2)
        made = self._ran(
            [
                *("kubectl", "create", "secret", "tls", "echo", "--dry-run=client", "-o", "yaml"),
                *("--cert", str(crt), "--key", str(key)),
            ],
            expect=0,
            quiet=True,
        )
        (self.stack.directory / "secret.yaml").write_text(made, encoding="utf-8")
        with demotls.Load(f"https://{self.address('echo')}/") as load:
            self.until("requests flow", lambda: load.asked > 20)
            self.kubectl(f"apply -f {self.stack.directory}/secret.yaml")
            self.until("the new certificate is served", lambda: self.serial() == 2)
            seen = load.asked
            self.until("requests flow on", lambda: load.asked > seen + 20)
        print(f"    {load.asked} requests, {len(load.failed)} failed")
        self.hold(f"none failed {load.failed[:3]}", not load.failed)

        self.step("Delete it: nothing is left")
        self.kubectl("delete ingress echo --timeout=60s")
        paths = [path for path, _ in CHAIN]
        left = [r["name"] for path in (*paths, *HTTPS_PATHS) for r in self.owned(path)]
        self.hold(f"nothing is left in the cloud {left}", not left)
        self.until("the port is closed", lambda: self.fetched("http").code == demotls.NO_ANSWER)

    # What a step is made of ---------------------------------------------------------------------

    def step(self, title: str) -> None:
        """Announce a step."""
        self.number += 1
        print(f"\n== {self.number}. {title}", flush=True)

    def hold(self, what: str, held: object) -> None:
        """Check something, and say so. Raises NotHeldError."""
        print(f"  [{'ok' if held else 'NOT'}] {what}", flush=True)
        if not held:
            raise NotHeldError(what)

    def until(self, what: str, holds: Callable[[], object]) -> None:
        """Check something that takes its time. Raises NotHeldError."""
        deadline = time.monotonic() + UNTIL_SEC
        while not holds() and time.monotonic() < deadline:
            time.sleep(0.05)
        self.hold(what, holds())

    def kubectl(self, arguments: str) -> str:
        """Run the real kubectl and return what it printed. Raises NotHeldError."""
        shown = arguments.replace(f"{DEPLOY}/", "deploy/")
        print(f"  $ kubectl {shown}", flush=True)
        return self._ran(["kubectl", *shlex.split(arguments)], expect=0)

    def glbc(self, arguments: str, *, expect: int) -> str:
        """Run the installed glbc and return what it printed. Raises NotHeldError."""
        print(f"  $ glbc {arguments}", flush=True)
        words = [*shlex.split(arguments), *self.stack.glbc_options()]
        return self._ran(["glbc", *words], expect=expect)

    def _ran(self, command: list[str], *, expect: int, quiet: bool = False) -> str:
        done = self.stack.run(*command)
        for line in (done.stdout + done.stderr).splitlines():
            if not quiet:
                print(f"    {line}")
        if done.returncode != expect:
            raise NotHeldError(f"{command[0]} ended with {done.returncode}, not {expect}")
        return done.stdout

    # What is looked at --------------------------------------------------------------------------

    def address(self, ingress: str = "shop") -> str:
        """Return the address that an Ingress shows."""
        path = "-o=jsonpath={.status.loadBalancer.ingress[0].ip}"
        found = self.stack.run("kubectl", "get", "ingress", ingress, path).stdout.strip()
        self.last_address = found or self.last_address
        return self.last_address

    def fetched(self, scheme: str) -> demotls.Answer:
        """Return what the echo server's front end answers."""
        return demotls.fetch(self.stack, f"{scheme}://{self.address('echo')}/")[1]

    def show(self, scheme: str, *, follow: bool = False) -> demotls.Answer:
        """Ask the echo server's front end, and print what was asked and what came back."""
        url = f"{scheme}://{self.address('echo')}/"
        shown, answer = demotls.fetch(self.stack, url, follow=follow)
        print(f"  $ {shown}\n    {answer.code} {answer.location}")
        for line in answer.text.splitlines()[:3]:
            print(f"    {line}")
        return answer

    def serial(self) -> int:
        """Return the serial number of the certificate that is served."""
        return demotls.served_serial(self.stack, self.address("echo"))

    def describe(self) -> str:
        """Return what kubectl describes."""
        return self.stack.run("kubectl", "describe", "ingress", "shop").stdout

    def owned(self, path: str) -> list[dict[str, Any]]:
        """Return the resources of a collection that are named like ours."""
        answer = self.stack.cloud(path)
        kind = path.partition("/")[2]
        if path.startswith("aggregated/"):
            found = [item for scope in answer["items"].values() for item in scope.get(kind, [])]
        else:
            found = answer.get("items", [])
        return [item for item in found if item["name"].startswith("k8s")]

    def groups(self) -> list[dict[str, Any]]:
        """Return our instance groups."""
        return self.owned("aggregated/instanceGroups")

    def url_map(self) -> str:
        """Return our URL maps as text."""
        return json.dumps(self.owned("global/urlMaps"))

    def chain(self) -> None:
        """Print the chain from the front."""
        for path, fields in CHAIN:
            for body in self.owned(path):
                print(f"    {path.partition('/')[2]}/{body['name']}")
                for field in fields:
                    print(f"      {field}: {_short(body.get(field))}")

    def calls(self) -> list[dict[str, Any]]:
        """Return the log of the cloud's mutations."""
        log = self.stack.ask("GET", f"{self.stack.gce}/_fake/calls")
        reads = ("get", "list", "aggregatedList", "listInstances", "wait", "getHealth")
        return [c for c in log["items"] if c["method"].rpartition(".")[2] not in reads]

    def writes(self) -> int:
        """Return the number of mutations so far."""
        return len(self.calls())

    def at_rest(self) -> None:
        """Wait until the cloud has seen no mutation for half a second."""
        seen, since = self.writes(), time.monotonic()
        deadline = since + UNTIL_SEC
        while time.monotonic() - since < 0.5:
            if time.monotonic() > deadline:
                raise NotHeldError("glbc does not come to rest")
            time.sleep(0.05)
            if (now := self.writes()) != seen:
                seen, since = now, time.monotonic()


def walkthrough() -> int:
    """Run the walkthrough; return 0 only if all of it held."""
    _end_as_at_ctrl_c()
    try:
        with (
            tempfile.TemporaryDirectory(prefix="glbc-demo-") as directory,
            Stack(Path(directory), traffic=True) as stack,
        ):
            try:
                Walkthrough(stack).run()
            except TROUBLE:
                print(f"\nglbc said:\n{stack.log('glbc')[-6000:]}", file=sys.stderr)
                raise
    except TROUBLE as error:
        print(f"\nThe walkthrough does not hold: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nThe walkthrough was interrupted.", file=sys.stderr)
        return INTERRUPTED
    print("\nThe walkthrough holds.")
    return 0


def up() -> int:
    """Start everything, print lines to try, and keep it running until Ctrl-C."""
    _end_as_at_ctrl_c()
    try:
        with (
            tempfile.TemporaryDirectory(prefix="glbc-up-") as directory,
            Stack(Path(directory), traffic=True) as stack,
        ):
            _fill(stack)
            print(_lines_to_try(stack), flush=True)
            while all(stack.is_running(part) for part in PARTS):
                time.sleep(0.5)
            time.sleep(0.5)  # Ctrl-C reaches the parts as well, and may reach them first
            ended = next(part for part in PARTS if not stack.is_running(part))
            raise StackError(f"{ended} has ended:\n{stack.log(ended)[-2000:]}")
    except TROUBLE as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0


def _end_as_at_ctrl_c() -> None:
    """Let the other polite signals end what was started, too."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)


def _fill(stack: Stack) -> None:
    """Put the walkthrough's world into a stack, and start glbc. Raises StackError."""
    stack.start_nodes()
    stack.start_glbc()
    for name in ("ingress-class", "default-backend", "examples/shop", "examples/ingress"):
        done = stack.run("kubectl", "apply", "-f", f"{DEPLOY}/{name}.yaml")
        if done.returncode != 0:
            raise StackError(f"kubectl apply -f deploy/{name}.yaml: {done.stderr}")


def _lines_to_try(stack: Stack) -> str:
    """Return what `up` tells: each indented line works in a shell in the same directory."""
    edited = os.path.relpath(DEPLOY / "examples" / "ingress-edited.yaml")
    path = Path(sys.executable).parent
    return f"""glbc runs against the fakes. Its live picture is http://{stack.page}/, its log
{stack.directory}/glbc.log. In another shell:

    export KUBECONFIG={stack.kubeconfig} NO_PROXY=127.0.0.1 PATH="{path}:$PATH"
    kubectl get ingress,svc,deploy,nodes
    kubectl describe ingress shop
    kubectl apply -f {edited}
    glbc plan {" ".join(stack.glbc_options())}
    curl -s {stack.gce}/compute/v1/projects/{PROJECT}/global/urlMaps
    curl -s {stack.gce}/_fake/counts
    kubectl delete ingress shop

Ctrl-C ends all of it."""


def _short(value: Any) -> str:
    """Return a field for eyes: links without their host and project."""
    text = json.dumps(value)
    return text.replace(f"https://www.googleapis.com/compute/v1/projects/{PROJECT}/", "")
