"""A house that is looked at as a scraper and a person with a browser do."""

from collections.abc import Callable, Mapping

from prometheus_client.parser import text_string_to_metric_families

from glbc.commands import certificates, live
from glbc.engine.pace import Pace
from glbc.model.views import VIEWS
from glbc.ops.counters import Counters
from glbc.ops.http import Route
from glbc.ops.metrics import Metrics, Sources
from tests.support.house import House


def metrics_of(house: House, counters: Counters, losses: Callable[[], int] = int) -> Metrics:
    """Return the metrics of a house that has started; `losses` tells how often its fence was lost."""
    sources = Sources(
        window=house.loop.window,
        pace=house.loop.pace,
        clock=house.clock,
        kinds=tuple(VIEWS),
        leads=lambda: house.fence.term() != 0,
        losses=losses,
        expiry=lambda pem: certificates.read(pem).expires,
    )
    return Metrics(counters, sources)


class Observed:
    """What `glbc run` wires around the loop, for a house; ask after `House.start`."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.counters = Counters()
        house.journal = self.counters
        house.pace = Pace(house.clock, self.counters.programmed)
        house.start()
        self.losses = 0
        self.metrics = metrics_of(house, self.counters, lambda: self.losses)
        self.routes: Mapping[str, Route] = live.routes(
            house.loop.window, house.namer, house.config, house.clock, self.metrics
        )

    def scraped(self) -> dict[tuple[str, ...], float]:
        """Return what prometheus-client's own parser reads: name and labels, in their order -> value."""
        return {
            (sample.name, *sample.labels.values()): sample.value
            for family in text_string_to_metric_families(self.metrics.text().decode())
            for sample in family.samples
        }
