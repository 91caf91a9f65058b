"""What a first start in a cluster must not decide by itself.

A takeover never changes what users see by default: where load balancers serve already, somebody has
to say whether HTTP redirects to HTTPS.
"""

from collections.abc import Mapping

import msgspec

from glbc.config import Config, ConfigError
from glbc.kube.client import Api
from glbc.kube.note import leave_note
from glbc.model.views import Ingress, Snapshot
from glbc.naming import scheme_of
from glbc.translate.classes import is_ours

KEY = "httpsRedirect"


def decided(config: Config, note: Mapping[str, str] | None, snapshot: Snapshot) -> Config:
    """Return the configuration with `https_redirect` said: by it, by the note, or by default.

    Args:
        config: the settings as given.
        note: what an earlier start has left; None when there was none.
        snapshot: the cluster, to see whether load balancers serve already.

    Raises:
        ConfigError: nobody has said it, and load balancers serve already.
    """
    said = config.https_redirect or (note or {}).get(KEY, "")
    if not said:
        if any(_has_one(one, snapshot, config) for one in snapshot.ingresses.values()):
            raise ConfigError(
                "configuration",
                "https_redirect",
                "is not set, and this cluster has load balancers already",
                "set explicit to leave HTTP as it is (only a FrontendConfig redirects, as with "
                "ingress-gce), or tls to redirect wherever there is a certificate",
            )
        said = "tls"
    return msgspec.structs.replace(config, https_redirect=said)


def remember(config: Config, note: Mapping[str, str] | None, api: Api) -> None:
    """Leave the note for the next start, unless it is there. Raises ClusterError."""
    if (note or {}).get(KEY) != config.https_redirect:
        leave_note(api, {KEY: config.https_redirect})


def _has_one(ingress: Ingress, snapshot: Snapshot, config: Config) -> bool:
    """Tell whether a load balancer of ours, or of ingress-gce, serves the Ingress."""
    if scheme_of(ingress.metadata.finalizers or ()):
        return True
    return bool(ingress.address) and is_ours(ingress, snapshot, config)
