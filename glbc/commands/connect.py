"""Where settings become adapters: the cloud and the cluster that a command talks to."""

import random
from collections.abc import Callable

from glbc.commands.evidence import Evidence
from glbc.config import Config, ConfigError
from glbc.engine.clock import SystemClock
from glbc.engine.exchange import Heard, unheard
from glbc.engine.gate import Gate
from glbc.engine.ports import Fence
from glbc.engine.term import ALONE
from glbc.errors import CloudError, ClusterError, GlbcError, NotFound
from glbc.gcp.client import GoogleCloud
from glbc.gcp.limiter import Class, Limiter
from glbc.kube.access import check_access
from glbc.kube.client import Api, connect
from glbc.kube.cluster import KubeCluster, read_identity
from glbc.kube.identity import PROVIDER_UID, UID
from glbc.kube.identity_watch import IdentityWatch
from glbc.kube.lease import Candidacy, Elector, new_identity
from glbc.kube.note import read_note
from glbc.model.keys import Kind
from glbc.model.views import VIEWS
from glbc.naming import Namer
from glbc.translate.firewall import projects_of

SYNC_SEC = 60.0  # how long the first view of the cluster may take


class Connection:
    """Cloud, cluster and names of one command. `close` ends all of it."""

    def __init__(
        self,
        config: Config,
        on_change: Callable[[], None],
        *,
        write: bool,
        heard: Heard = unheard,
    ) -> None:
        """Connect to both sides and say in one line what does not answer.

        Args:
            config: the settings.
            on_change: called from any thread when the cluster changes.
            write: will something be written? Then the cluster's identity, where it is missing, and the
                Lease of those who write: `candidacy` is there, and not started.
            heard: told of every request, to cloud and cluster, that has ended.

        Raises:
            ConfigError: no project is set.
            GlbcError: the cluster or the cloud does not answer, or refuses.
        """
        check_project(config)
        self.api: Api = connect(config.kube.kubeconfig, config.kube.context, heard=heard)
        if write:
            check_access(self.api, config)
        read_note(self.api)  # does the API server answer, and let us read?
        self.candidacy = self._candidacy(config, on_change) if write else None
        self.gate = Gate(self.candidacy or ALONE)
        self.cloud = open_cloud(config, self.gate, heard)
        self._evidence = Evidence(config, self.cloud)
        identity = read_identity(
            self.api,
            cluster_uid=config.cluster_uid,
            provider_uid=config.provider_uid,
            write=write,
            ask_cloud=self._evidence.told,
        )
        self.namer = Namer(identity.cluster_uid, identity.kube_system_uid, identity.firewall_name)
        given = {UID: config.cluster_uid, PROVIDER_UID: config.provider_uid}
        from_flags = frozenset(key for key, value in given.items() if value)
        self.identity = IdentityWatch(self.api, identity, from_flags=from_flags, keep=write)
        self.cluster = KubeCluster(
            self.api, on_change=lambda _: on_change(), believe=self.identity.same_cluster
        )

    def watch(self) -> None:
        """Start to watch the cluster and wait for the first complete view.

        Raises:
            GlbcError: it does not come, or another cluster has the same identity.
        """
        self.cluster.start()
        if not self.cluster.wait_synced(SYNC_SEC):
            seen = self.cluster.snapshot().complete
            missing = ", ".join(sorted(VIEWS.keys() - seen))
            raise ClusterError(
                f"{self.api.host}: {missing} could not be listed within {SYNC_SEC:.0f} s: "
                "check the API server and glbc's permissions"
            )
        self._evidence.refuse_taken(self.cluster.snapshot(), self.namer)

    def alive(self) -> bool:
        """Say whether every thread that looks at the cluster runs; else only a restart helps."""
        return self.cluster.alive() and self.identity.alive()

    def close(self) -> None:
        """Stop the watches and close the connections."""
        self.identity.stop()
        self.cluster.stop()
        self.api.close()
        self.cloud.close()

    def _candidacy(self, config: Config, on_change: Callable[[], None]) -> Candidacy | None:
        """Return the candidacy for the Lease, unless this process leads without asking."""
        if not config.lease.enabled:
            return None
        api = self.api.fork(connections=1)  # nothing may hold up a renewal
        chance = random.SystemRandom().random
        elector = Elector(api, SystemClock(), config.lease, new_identity(), chance)
        return Candidacy(elector, on_change)


def check_project(config: Config) -> None:
    """Raise ConfigError unless it is said where load balancers are."""
    if not config.project:
        raise ConfigError("configuration", "project", "is not set", "give --project")


def open_cloud(config: Config, fence: Fence = ALONE, heard: Heard = unheard) -> GoogleCloud:
    """Return the cloud, once it has answered; it is written to only where the fence allows it.

    Raises:
        GlbcError: it does not answer, or refuses.
    """
    cloud = GoogleCloud(
        project=config.project,
        endpoint=config.cloud.endpoint,
        anonymous=config.cloud.anonymous,
        workers=config.cloud.workers,
        call_timeout_sec=config.cloud.call_timeout_sec,
        operation_timeout_sec=config.cloud.operation_timeout_sec,
        projects=projects_of(config),
        limiter=Limiter(
            {
                Class.READ: config.cloud.reads_per_min,
                Class.WRITE: config.cloud.writes_per_min,
                Class.ENDPOINTS: config.cloud.endpoints_per_min,
                Class.WAIT: config.cloud.waits_per_min,
            }
        ),
        fence=fence,
        heard=heard,
    )
    try:
        cloud.list(Kind.BACKEND_SERVICE)
    except NotFound as error:
        raise GlbcError(
            f"project {config.project}: does not exist at {config.cloud.endpoint}: check --project"
        ) from error
    except CloudError as error:
        raise GlbcError(
            f"{config.cloud.endpoint}: {_why(error)}: check the endpoint, the project and the "
            "credentials"
        ) from error
    return cloud


def _why(error: CloudError) -> str:
    """Return the system's own words, where the way there was broken; else the error's."""
    link: BaseException | None = error
    while link is not None:
        if isinstance(link, OSError) and link.strerror:
            return link.strerror
        link = link.__cause__ or link.__context__
    return str(error)
