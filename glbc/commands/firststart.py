"""What a first start in a cluster must not decide by itself.

A takeover never changes what users see by default: where load balancers serve already, somebody has
to say whether HTTP redirects to HTTPS.
"""

import msgspec

from glbc.config import Config, ConfigError
from glbc.kube.client import Api
from glbc.kube.note import leave_note, read_note
from glbc.model.views import Ingress, Snapshot
from glbc.naming import scheme_of

KEY = "httpsRedirect"


def decided(config: Config, api: Api, snapshot: Snapshot, *, write: bool) -> Config:
    """Return the configuration with `https_redirect` said: by it, by the note, or by default.

    Args:
        config: the settings as given.
        api: where the note is.
        snapshot: the cluster, to see whether load balancers serve already.
        write: may the note be left?

    Raises:
        ConfigError: nobody has said it, and load balancers serve already.
        ClusterError: the note cannot be read or written.
    """
    note = read_note(api)
    said = config.https_redirect or (note or {}).get(KEY, "")
    if not said:
        if any(_has_one(ingress) for ingress in snapshot.ingresses.values()):
            raise ConfigError(
                "configuration",
                "https_redirect",
                "is not set, and this cluster has load balancers already",
                "set explicit to leave HTTP as it is (only a FrontendConfig redirects, as with "
                "ingress-gce), or tls to redirect wherever there is a certificate",
            )
        said = "tls"
    if write and (note or {}).get(KEY) != said:
        leave_note(api, {KEY: said})
    return msgspec.structs.replace(config, https_redirect=said)


def _has_one(ingress: Ingress) -> bool:
    return bool(ingress.address or scheme_of(ingress.metadata.finalizers or ()))
