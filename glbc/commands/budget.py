"""Reading the quotas that a plan has to fit into: only where it makes something, and a refusal is told and stops nothing."""

from collections.abc import Callable, Iterable, Sequence

from glbc.errors import CloudError
from glbc.model.quota import Quota
from glbc.plan.budget import Budget, counted, shortages
from glbc.plan.planner import Action

Quotas = Callable[[str], Iterable[Quota]]


def checked(waves: Sequence[Iterable[Action]], quotas_of: Quotas) -> Budget:
    """Return what the quotas say of a plan.

    Args:
        waves: its steps.
        quotas_of: reads the quotas of a project; may raise CloudError.
    """
    read: dict[str, Iterable[Quota]] = {}
    unread = []
    for project in sorted({project for project, _ in counted(waves)}):
        try:
            read[project] = quotas_of(project)
        except CloudError as error:
            unread.append((project, str(error)))
    return Budget(shortages(waves, read), tuple(unread))
