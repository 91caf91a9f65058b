"""`glbc plan`: what `run` would do now, in waves. Reads and writes nothing.

The cluster is the real one, or a directory with manifests; the cloud is the real one, or, with
manifests, none: then everything is to be created, and no cloud library is loaded.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final, TextIO

import msgspec

from glbc.commands import manifests
from glbc.commands.budget import Quotas, checked
from glbc.commands.connect import open_cloud
from glbc.commands.firststart import decided
from glbc.commands.look import Look, looked, looking, nothing_yet, survey
from glbc.commands.manifests import Manifests
from glbc.config import Config, ConfigError
from glbc.engine.clock import SystemClock
from glbc.engine.executor import Runner
from glbc.engine.inventory import Inventory
from glbc.engine.ports import Cloud
from glbc.errors import GlbcError
from glbc.model.finding import Finding, Severity
from glbc.model.keys import Kind
from glbc.model.kinds import MANAGED
from glbc.model.quota import Quota
from glbc.naming import Namer
from glbc.ops import logs
from glbc.plan.output import written
from glbc.plan.render import plan_out, render_text
from glbc.plan.simulate import Rehearsal, rehearse
from glbc.translate.reasons import AWAITED, Reason

NOTHING_TO_DO, PROBLEMS, CHANGES = 0, 1, 2
NOT_ASKED: Final = {**AWAITED, Reason.NO_NODE_TAGS: Kind.INSTANCE}  # what only the cloud can tell
ABOUT_NODES: Final = frozenset({Reason.NO_NODE_READY, Reason.NO_NODE_TAGS})


class Form(msgspec.Struct, frozen=True):
    """How the plan is printed."""

    as_json: bool = False
    colour: bool = False


class Source(msgspec.Struct, frozen=True):
    """Manifests in place of a cluster, and what the cluster alone would tell."""

    directory: Path
    kube_system_uid: str
    cloud: bool = True  # is it asked?


def main(config: Config, out: TextIO, form: Form) -> int:
    """Print the plan; return 0 when there is nothing to do, else 2.

    Raises:
        GlbcError: the cluster or the cloud cannot be read.
    """
    logs.configure(config.log_format, quiet=True)
    with looking(config) as (seen, cloud):
        return tell(seen, seen.desired.findings, out, form, quotas_of=cloud.quotas)


def main_from(config: Config, source: Source, out: TextIO, err: TextIO, form: Form) -> int:
    """Print the plan for manifests; return 1 when some of them cannot be used, else as `main`.

    Raises:
        GlbcError: there are no manifests, names cannot be made, or the cloud cannot be read.
    """
    logs.configure(config.log_format, quiet=True)
    for setting, value in (("cluster_uid", config.cluster_uid), ("", source.kube_system_uid)):
        if not value:
            option = "--cluster-uid" if setting else "--kube-system-uid"
            remedy = "names are made of it, and manifests do not tell it"
            raise GlbcError(f"{option}: is not given: {remedy}")
    found = manifests.read(source.directory)
    err.writelines(f"glbc: {problem}\n" for problem in found.problems)
    config = decided(_with_project(config, source), None, found.snapshot)
    namer = Namer(config.cluster_uid, source.kube_system_uid, config.provider_uid)
    with _asked(config, source) as cloud:
        inventory = _inventory(config, namer, found, cloud)
        seen = looked(config, namer, found.snapshot, inventory, now=SystemClock().time())
        quotas_of = cloud.quotas if cloud else _none
        code = tell(seen, _honest(seen, found, source), out, form, quotas_of=quotas_of)
    return PROBLEMS if found.problems else code


def _none(_project: str) -> Sequence[Quota]:
    """Return the quotas of a cloud that is not asked."""
    return ()


def tell(
    seen: Look, findings: Iterable[Finding], out: TextIO, form: Form, *, quotas_of: Quotas = _none
) -> int:
    """Print the plan that a look comes to, and which quotas it does not fit into; return the exit code."""
    rehearsal = rehearsed(seen)
    budget = checked(rehearsal.waves, quotas_of)
    if form.as_json:
        out.write(written(plan_out(rehearsal, findings, budget)))
    else:
        out.write(render_text(rehearsal, findings, budget, colour=form.colour))
    return CHANGES if rehearsal.waves or rehearsal.last.actions else NOTHING_TO_DO


def rehearsed(seen: Look) -> Rehearsal:
    """Run the plan on paper."""
    return rehearse(seen.desired.graph, seen.actual, seen.desired.keep, guard=seen.hold)


def _with_project(config: Config, source: Source) -> Config:
    if source.cloud and not config.project:
        raise ConfigError("configuration", "project", "is not set", "give --project, or --no-cloud")
    if config.project:
        return config
    return msgspec.structs.replace(config, project="project")  # any: it is in no name


@contextmanager
def _asked(config: Config, source: Source) -> Iterator[Cloud | None]:
    """Connect to the cloud, unless it is not to be asked."""
    if not source.cloud:
        yield None
        return
    with closing(open_cloud(config)) as cloud:
        yield cloud


def _inventory(config: Config, namer: Namer, found: Manifests, cloud: Cloud | None) -> Inventory:
    inventory = nothing_yet(config, namer, found.snapshot)
    if cloud is None:
        for kind in MANAGED:
            inventory.fold_list(kind, (), 0.0)
        return inventory
    survey(inventory, Runner(cloud, SystemClock()))
    return inventory


def _honest(seen: Look, found: Manifests, source: Source) -> list[Finding]:
    """Return the findings; what nobody has looked at is told as not known."""
    told = list(found.findings)
    for finding in seen.desired.findings:
        if not found.snapshot.nodes and finding.reason in ABOUT_NODES:
            continue  # said once, for all
        if not source.cloud and finding.reason in NOT_ASKED:
            told.append(
                msgspec.structs.replace(
                    finding,
                    reason=Reason.NOT_KNOWN,
                    message=f"{NOT_ASKED[Reason(finding.reason)]} of the cloud were not looked at",
                    hint="plan with the cloud: give --project, and not --no-cloud",
                    severity=Severity.NOTE,
                )
            )
        else:
            told.append(finding)
    return told
