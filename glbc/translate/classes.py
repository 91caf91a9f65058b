"""Whose an Ingress is: the legacy annotation first, then spec.ingressClassName.

An Ingress of another class is none of our business. But one that means us and misses is told so,
and one that we serve is not torn down because its IngressClass has gone.
"""

from typing import Final

from glbc.config import Config
from glbc.model.finding import Finding
from glbc.model.views import Ingress, Snapshot
from glbc.naming import scheme_of
from glbc.translate import annotations
from glbc.translate.reasons import Reason

CONTROLLER: Final = "ingress.gcp.kubernetes.io/glbc"
"""spec.controller of the IngressClasses that are ours."""

LEGACY: Final = "gce"
# Classes of ingress-gce that this version does not serve.
NOT_SERVED: Final = frozenset({"gce-internal", "gce-regional-external", "gce-multi-cluster"})


def is_ours(ingress: Ingress, snapshot: Snapshot, config: Config) -> bool:
    """Tell whether the Ingress's class is ours.

    The legacy annotation decides where it is set: `gce`, or the configured extra class. Where it is
    absent or empty, `spec.ingressClassName` decides: unset is ours, and so is an IngressClass whose
    controller is ours. (Upstream reads the annotation only.) An IngressClass that does not exist
    decides nothing: the Ingress is ours iff it carries our finalizer.
    """
    legacy = annotations.text(ingress.metadata, annotations.CLASS)
    if legacy:
        return legacy in {LEGACY, config.ingress_class}
    name = ingress.spec.ingress_class_name
    if not name:
        return True
    known = snapshot.ingress_classes.get(name)
    if known is None:
        return scheme_of(ingress.metadata.finalizers or ()) is not None
    return known.spec.controller == CONTROLLER


def class_finding(ingress: Ingress, snapshot: Snapshot, config: Config) -> Finding | None:
    """Return what is wrong with the class: it does not exist, or it is almost ours."""
    legacy = annotations.text(ingress.metadata, annotations.CLASS)
    if not legacy:
        return _by_spec(ingress, snapshot, config)
    almost = legacy in NOT_SERVED or legacy.strip().lower() == LEGACY
    if is_ours(ingress, snapshot, config) or not almost:
        return None
    return Finding(
        ingress.ref,
        Reason.CLASS_NOT_SERVED,
        f"metadata.annotations[{annotations.CLASS}]",
        f"class {legacy!r} is not served by this version",
        f"use class {LEGACY!r}, or leave it to the controller that serves this class",
    )


def _by_spec(ingress: Ingress, snapshot: Snapshot, config: Config) -> Finding | None:
    name, field = ingress.spec.ingress_class_name, "spec.ingressClassName"
    known = snapshot.ingress_classes.get(name or "")
    if name and known is None and "IngressClass" in snapshot.complete:
        kept = "; it goes on being served" if is_ours(ingress, snapshot, config) else ""
        return Finding(
            ingress.ref,
            Reason.INGRESS_CLASS_NOT_FOUND,
            field,
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
        field,
        f"ingressclass {name} is of controller {controller or 'none'}, which glbc does not serve",
        f"name an IngressClass whose spec.controller is {CONTROLLER}",
    )
