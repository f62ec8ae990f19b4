"""What metrics have in common that look at pictures which differ in the seed through features."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from cfgsweep.metrics.base import FEATURES_HELP, Metric, MetricSettings

if TYPE_CHECKING:
    from cfgsweep.metrics.features import Features


class FeatureSettings(MetricSettings):
    features: str = Field("own", min_length=1, description=FEATURES_HELP)


class SeedFeatures(Metric):
    """A metric with the setting `features`. extractor: what gives them."""

    extractor: Features

    def prepare(self) -> None:
        from cfgsweep.metrics.features import features_of

        self.extractor = features_of(self.settings.features, self.source, self.device)

    def provenance(self) -> dict[str, str]:
        return {"features": self.extractor.identity}
