"""Groups of a corpus's judges as readers: what people reach where a model is measured."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from affectus.errors import InputError
from affectus.readout import Readout
from affectus.sample import Item, as_items, flatten
from affectus.taxonomy import Perspective, scale
from affectus.timeline import Timeline


class Raters:
    """Answers with the gold of one group of judges, so that they are measured by the protocols that readers are.

    Args:
        scale_name: What they judged on.
        by: Their name in the gold, for example `"crema-d face raters"`.
        perspective: Whose feeling they judged.
    """

    def __init__(self, scale_name: str, by: str, perspective: Perspective = "perceived") -> None:
        self.name = by
        self.readouts = (Readout(scale_name, perspective),)

    def read(self, items: Iterable[Item | str]) -> Timeline:
        """One row a sample, without scores where these judges gave none.

        Raises:
            InputError: If they judged none of the samples.
        """
        (readout,), samples = self.readouts, flatten(as_items(items))
        judged = [sample.judged(readout.scale, readout.perspective, self.name) for sample in samples]
        if all(scores is None for scores in judged):
            raise InputError(f"{self.name!r} judged none of {len(samples)} samples on {readout.scale!r}")
        nobody = np.full(len(scale(readout.scale)), np.nan, np.float32)
        rows = np.stack([nobody if scores is None else scores for scores in judged])
        return Timeline.build(
            [sample.span for sample in samples],
            {readout.scale: rows},
            perspective=readout.perspective,
            by=self.name,
            modality="raters",
        )
