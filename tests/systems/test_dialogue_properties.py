"""What holds for every reader of dialogues, whatever the conversation is like."""

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from affectus.registry import build, systems
from affectus.sample import Dialogue, Sample

READERS = ["emotionic", "emotion-cause", "m2fnet", "broad-mamba"]
PEOPLE = ["ann", "ben", "cem", "dee", None]
TURNS = st.lists(
    st.tuples(st.sampled_from(PEOPLE), st.sampled_from(["we won", "oh no", "", " ", "why?", "so " * 70])),
    min_size=1, max_size=9,
)  # fmt: skip
FEW = settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module", params=READERS)
def reader(request: pytest.FixtureRequest):
    torch.manual_seed(0)
    return build(f"{request.param}/tiny").eval()


def talk(said: list[tuple[str | None, str]], name: str = "talk", starts: list[float] | None = None) -> Dialogue:
    turns = [
        Sample(id=f"{name}-{i}", source=name, item=i, text=text, track=who,
               start=None if starts is None else starts[i], end=None if starts is None else starts[i] + 2.0)
        for i, (who, text) in enumerate(said)
    ]  # fmt: skip
    return Dialogue(tuple(turns), id=name)


def scores(system, *dialogues: Dialogue) -> np.ndarray:
    return system.read(list(dialogues)).scores(system.config.targets[0].scale)


def test_all_readers_of_dialogues_are_held_to_this() -> None:
    found = {e.card.system for e in systems(role="reader", modality="dialogue")}
    assert set(READERS) <= found


@FEW
@given(said=TURNS, order=st.permutations(PEOPLE[:4]))
def test_names_change_nothing(reader, said, order) -> None:
    renamed = dict(zip(PEOPLE[:4], order, strict=True)) | {None: None}
    there = talk([(renamed[who], text) for who, text in said])
    np.testing.assert_allclose(scores(reader, talk(said)), scores(reader, there), atol=1e-5)


@FEW
@given(said=TURNS, more=TURNS)
def test_padding_and_other_dialogues_change_nothing(reader, said, more) -> None:
    together = scores(reader, talk(said), talk(more * 3, "other"))
    np.testing.assert_allclose(together[: len(said)], scores(reader, talk(said)), atol=1e-5)


@FEW
@given(said=TURNS, data=st.data())
def test_each_turn_has_a_row_and_each_lack_a_flag(reader, said, data) -> None:
    starts = data.draw(st.lists(st.floats(0, 9), min_size=len(said), max_size=len(said)))
    rows = list(reader.read([talk(said, starts=starts)]))
    assert [row.item for row in rows] == list(range(len(said)))
    for row, (_, text) in zip(rows, said, strict=True):
        assert ("empty" in row.flags) == (not text.strip())
        assert bool(row.labels) == bool(text.strip())


def test_turns_that_overlap_are_read_as_if_they_did_not(reader) -> None:
    said = [("ann", "we won"), ("ben", "oh no"), ("ann", "why?")]
    apart, over = talk(said, starts=[0.0, 3.0, 6.0]), talk(said, starts=[0.0, 0.5, 1.0])
    np.testing.assert_allclose(scores(reader, apart), scores(reader, over), atol=1e-6)
