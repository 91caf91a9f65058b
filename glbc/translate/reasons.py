"""The codes of what is wrong with an object; `glbc.manual` says what each means and what to do."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from glbc.model.keys import Kind


class Reason(StrEnum):
    """Why a part of an object cannot be served as written. Stable: people match on it."""

    APP_PROTOCOL_IGNORED = "AppProtocolIgnored"
    BACKEND_CONFIG_NOT_FOUND = "BackendConfigNotFound"
    BACKEND_NOT_A_SERVICE = "BackendNotAService"
    BACKEND_REFUSED = "BackendRefused"
    BAD_APP_PROTOCOL = "BadAppProtocol"
    BAD_BACKEND_CONFIG = "BadBackendConfig"
    BAD_CERTIFICATE = "BadCertificate"
    BAD_NEG_ANNOTATION = "BadNegAnnotation"
    BAD_HOST = "BadHost"
    BAD_PATH = "BadPath"
    BAD_REDIRECT = "BadRedirect"
    CERTIFICATE_NOT_FOUND = "CertificateNotFound"
    CLASSES_DISAGREE = "ClassesDisagree"
    CLASS_NOT_SERVED = "ClassNotServed"
    CLASS_PARAMETERS_NOT_FOUND = "ClassParametersNotFound"
    DEFAULT_BACKEND_UNREACHABLE = "DefaultBackendUnreachable"
    DEFAULT_CLASS_IS_FOREIGN = "DefaultClassIsForeign"
    DUPLICATE_HOST = "DuplicateHost"
    DUPLICATE_PATH = "DuplicatePath"
    ENDPOINT_REFUSED = "EndpointRefused"
    ENDPOINT_WITHOUT_NODE = "EndpointWithoutNode"
    EXTERNAL_NAME_SERVICE = "ExternalNameService"
    FIREWALL_NOT_OPEN = "FirewallNotOpen"
    FRONTEND_CONFIG_NOT_FOUND = "FrontendConfigNotFound"
    HEADLESS_SERVICE = "HeadlessService"
    HTTP_NOT_ALLOWED = "HttpNotAllowed"
    INGRESS_CLASS_NOT_FOUND = "IngressClassNotFound"
    INTERNAL_ERROR = "InternalError"
    INVALID_NAME = "InvalidName"
    LIMIT_EXCEEDED = "LimitExceeded"
    NAME_COLLISION = "NameCollision"
    NO_DEFAULT_BACKEND = "NoDefaultBackend"
    NO_NODE_PORT = "NoNodePort"
    NO_NODE_READY = "NoNodeReady"
    NO_NODE_TAGS = "NoNodeTags"
    NODE_IN_OTHER_GROUP = "NodeInOtherGroup"
    NODE_NOT_IN_CLOUD = "NodeNotInCloud"
    NODE_WITHOUT_ZONE = "NodeWithoutZone"
    NOT_KNOWN = "NotKnown"
    READINESS_PROBE_NOT_USED = "ReadinessProbeNotUsed"
    READINESS_PROBE_TOO_SLOW = "ReadinessProbeTooSlow"
    READINESS_PROBES_DIFFER = "ReadinessProbesDiffer"
    REDIRECT_UNSUPPORTED = "RedirectUnsupported"
    SECRET_NOT_FOUND = "SecretNotFound"  # noqa: S105 (a reason code)
    SECRET_NOT_READ = "SecretNotRead"  # noqa: S105 (a reason code)
    SECURITY_POLICY_NOT_FOUND = "SecurityPolicyNotFound"
    SECURITY_POLICY_REQUIRED = "SecurityPolicyRequired"
    SERVICE_NOT_FOUND = "ServiceNotFound"
    SERVICE_PORT_NOT_FOUND = "ServicePortNotFound"
    SHADOWED_PATH = "ShadowedPath"
    SSL_POLICY_NOT_FOUND = "SslPolicyNotFound"
    STATIC_ADDRESS_NOT_USABLE = "StaticAddressNotUsable"
    SWITCH_WAITS = "SwitchWaits"
    TOO_MANY_CERTIFICATES = "TooManyCertificates"
    TOO_MANY_NODES = "TooManyNodes"


AWAITED: Final[Mapping[Reason, Kind]] = {
    # What is missing in the cloud, and of which kind: it may be made any moment, so it is looked for.
    Reason.CERTIFICATE_NOT_FOUND: Kind.SSL_CERTIFICATE,
    Reason.STATIC_ADDRESS_NOT_USABLE: Kind.ADDRESS,
    Reason.SECURITY_POLICY_NOT_FOUND: Kind.SECURITY_POLICY,
    Reason.SSL_POLICY_NOT_FOUND: Kind.SSL_POLICY,
    Reason.FIREWALL_NOT_OPEN: Kind.FIREWALL,
}


class BadConfigError(Exception):
    """What an object refers to cannot be used; `str()` says what and why, `hint` what to do."""

    def __init__(self, reason: Reason, message: str, hint: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.hint = hint
