"""Whose an Ingress is, and what its class says: the legacy annotation, else spec.ingressClassName.

An Ingress of another class is none of our business. But one that means us and misses is told so,
and one that we serve is not torn down because its IngressClass has gone.
"""

from typing import Final

import msgspec

from glbc.config import Config
from glbc.model.finding import Finding, Severity
from glbc.model.views import Ingress, IngressClass, Snapshot
from glbc.naming import scheme_of
from glbc.translate import annotations
from glbc.translate.reasons import Reason

CONTROLLER: Final = "ingress.gcp.kubernetes.io/glbc"
"""spec.controller of the IngressClasses that are ours."""

LEGACY: Final = "gce"
# Classes of ingress-gce that this version does not serve.
NOT_SERVED: Final = frozenset({"gce-internal", "gce-regional-external", "gce-multi-cluster"})

PARAMETERS_GROUP: Final = "glbc.gcp.kubernetes.io"
PARAMETERS_KIND: Final = "IngressParameters"
REDIRECT_MODES: Final = frozenset({"", "tls", "explicit"})
IN_ANNOTATION: Final = f"metadata.annotations[{annotations.CLASS}]"
IN_SPEC: Final = "spec.ingressClassName"


class ClassParameters(msgspec.Struct, frozen=True, kw_only=True):
    """What an Ingress's class says beyond whose it is."""

    security_policy_required: bool = False  # no backend gets traffic without a Cloud Armor policy
    https_redirect: str = ""  # tls | explicit; "": the configuration decides
    origin: str = ""  # the object that says it; "": none does
    problem: str = ""  # why nobody knows what it says: until then nothing may change
    told: bool = True  # False: the problem is ours alone, the view is not complete yet


def legacy_classes(config: Config) -> frozenset[str]:
    """Return the values of the annotation that are ours."""
    gce = {LEGACY} if config.ingress_class_gce else set()
    return frozenset({config.ingress_class, *gce} - {""})


def is_ours(ingress: Ingress, snapshot: Snapshot, config: Config) -> bool:
    """Tell whether the Ingress's class is ours.

    The legacy annotation decides where it is set: `gce`, or the configured extra class. Where it is
    absent or empty, `spec.ingressClassName` decides: unset is ours, and so is an IngressClass whose
    controller is ours. (Upstream reads the annotation only.) An IngressClass that does not exist
    decides nothing: the Ingress is ours iff it carries our finalizer.

    An Ingress without any class is ours even if the cluster's default class is somebody else's:
    ingress-gce serves it, and a takeover must not take it down. The API server writes the default
    class into every new one, so that it is an old Ingress.
    """
    legacy = annotations.text(ingress.metadata, annotations.CLASS)
    if legacy:
        return legacy in legacy_classes(config)
    name = ingress.spec.ingress_class_name
    if not name:
        return True
    known = snapshot.ingress_classes.get(name)
    if known is None:
        return scheme_of(ingress.metadata.finalizers or ()) is not None
    return known.spec.controller == CONTROLLER


def class_finding(ingress: Ingress, snapshot: Snapshot, config: Config) -> Finding | None:
    """Return what is wrong with the class: it does not exist, it is almost ours, or it is two."""
    legacy = annotations.text(ingress.metadata, annotations.CLASS)
    if not legacy:
        return _by_spec(ingress, snapshot, config) or _without_class(ingress, snapshot)
    if legacy == LEGACY and not config.ingress_class_gce and LEGACY not in legacy_classes(config):
        problem = f"class {LEGACY!r} is switched off in the configuration (ingress_class_gce)"
        hint = "name another class, or leave it to the controller that serves this one"
        return Finding(ingress.ref, Reason.CLASS_NOT_SERVED, IN_ANNOTATION, problem, hint)
    almost = legacy in NOT_SERVED or legacy.strip().lower() == LEGACY
    if is_ours(ingress, snapshot, config) or not almost:
        return _disagreement(ingress, snapshot, config)
    return Finding(
        ingress.ref,
        Reason.CLASS_NOT_SERVED,
        IN_ANNOTATION,
        f"class {legacy!r} is not served by this version",
        f"use class {LEGACY!r}, or leave it to the controller that serves this class",
    )


def parameters_of(ingress: Ingress, snapshot: Snapshot) -> ClassParameters:
    """Return what the Ingress's class says.

    The class is the IngressClass of ours that the annotation or else `spec.ingressClassName` names,
    or, where neither is set, the cluster's default class if that is ours. One that names parameters
    which nobody can read says so in `problem`.
    """
    chosen = _class_of(ingress, snapshot)
    wanted = chosen.spec.parameters if chosen else None
    if chosen is None or wanted is None:
        return ClassParameters()
    where = f"ingressclass {chosen.metadata.name}: spec.parameters"
    if wanted.kind != PARAMETERS_KIND or wanted.api_group != PARAMETERS_GROUP:
        given = f"{wanted.kind} of {wanted.api_group or 'the core group'}"
        return ClassParameters(problem=f"{where} is a {given}, not a {PARAMETERS_KIND}")
    found = snapshot.ingress_parameters.get(wanted.name)
    if found is None:
        return ClassParameters(
            problem=f"{where}: ingressparameters {wanted.name} does not exist",
            told=PARAMETERS_KIND in snapshot.complete,
        )
    if found.spec is None:
        return ClassParameters()
    if found.spec.https_redirect not in REDIRECT_MODES:
        said = f"ingressparameters {wanted.name}: spec.httpsRedirect is {found.spec.https_redirect}"
        return ClassParameters(problem=f"{said}, not tls or explicit")
    policy = found.spec.security_policy
    return ClassParameters(
        security_policy_required=policy is not None and policy.required,
        https_redirect=found.spec.https_redirect,
        origin=f"ingressparameters {wanted.name}",
    )


def parameters_finding(ingress: Ingress, parameters: ClassParameters) -> Finding | None:
    """Return the finding that goes with parameters which nobody can read."""
    if not parameters.problem or not parameters.told:
        return None
    named_by = annotations.text(ingress.metadata, annotations.CLASS)
    return Finding(
        ingress.ref,
        Reason.CLASS_PARAMETERS_NOT_FOUND,
        IN_ANNOTATION if named_by else IN_SPEC,
        f"{parameters.problem}; nothing of the load balancer changes",
        f"create an {PARAMETERS_KIND} ({PARAMETERS_GROUP}/v1), or take spec.parameters out",
        Severity.ERROR,
    )


def _class_of(ingress: Ingress, snapshot: Snapshot) -> IngressClass | None:
    legacy = annotations.text(ingress.metadata, annotations.CLASS)
    named = [name for name in (legacy, ingress.spec.ingress_class_name) if name]
    for name in named:
        known = snapshot.ingress_classes.get(name)
        if known is not None and known.spec.controller == CONTROLLER:
            return known
    ours = [one for one in _default_classes(snapshot) if one.spec.controller == CONTROLLER]
    return ours[0] if ours and not named else None


def _default_classes(snapshot: Snapshot) -> list[IngressClass]:
    """Return the default classes, first the one that the API server takes: the newest."""
    found = [
        one
        for one in snapshot.ingress_classes.values()
        if annotations.text(one.metadata, annotations.DEFAULT_CLASS) == "true"
    ]
    return sorted(
        found,
        key=lambda one: (one.metadata.creation_timestamp or "", one.metadata.name),
        reverse=True,
    )


def _by_spec(ingress: Ingress, snapshot: Snapshot, config: Config) -> Finding | None:
    name = ingress.spec.ingress_class_name
    known = snapshot.ingress_classes.get(name or "")
    if name and known is None and "IngressClass" in snapshot.complete:
        kept = "; it goes on being served" if is_ours(ingress, snapshot, config) else ""
        return Finding(
            ingress.ref,
            Reason.INGRESS_CLASS_NOT_FOUND,
            IN_SPEC,
            f"ingressclass {name} does not exist{kept}",
            f"create it with spec.controller {CONTROLLER}, or name another one",
        )
    controller = known.spec.controller if known else CONTROLLER
    meant = name == LEGACY or controller.startswith(CONTROLLER.partition("/")[0])
    if controller == CONTROLLER or not meant:
        return None
    return Finding(
        ingress.ref,
        Reason.CLASS_NOT_SERVED,
        IN_SPEC,
        f"ingressclass {name} is of controller {controller or 'none'}, which glbc does not serve",
        f"name an IngressClass whose spec.controller is {CONTROLLER}",
    )


def _without_class(ingress: Ingress, snapshot: Snapshot) -> Finding | None:
    defaults = [] if ingress.spec.ingress_class_name else _default_classes(snapshot)
    if not defaults or any(one.spec.controller == CONTROLLER for one in defaults):
        return None
    first = defaults[0]
    return Finding(
        ingress.ref,
        Reason.DEFAULT_CLASS_IS_FOREIGN,
        IN_SPEC,
        f"no class is named, and the default, ingressclass {first.metadata.name}, is of controller "
        f"{first.spec.controller or 'none'}; glbc serves it, as ingress-gce does",
        f"name the class that is meant; glbc's has spec.controller {CONTROLLER}",
        Severity.NOTE,
    )


def _disagreement(ingress: Ingress, snapshot: Snapshot, config: Config) -> Finding | None:
    legacy = annotations.text(ingress.metadata, annotations.CLASS)
    named = ingress.spec.ingress_class_name
    known = snapshot.ingress_classes.get(named or "")
    ours = legacy in legacy_classes(config)
    if known is None or ours == (known.spec.controller == CONTROLLER):
        return None
    outcome = "glbc serves it" if ours else "glbc does not serve it"
    return Finding(
        ingress.ref,
        Reason.CLASSES_DISAGREE,
        IN_SPEC,
        f"ingressclass {named} is of controller {known.spec.controller or 'none'}, and the "
        f"annotation {annotations.CLASS} says {legacy!r}: the annotation decides, {outcome}",
        "take one of them out",
        Severity.NOTE,
    )
