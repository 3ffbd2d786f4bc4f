"""Samples in a row as dialogues."""

from affectus.sample import Dialogue, Sample, conversations, flatten


def test_neighbours_of_one_source_are_a_dialogue_and_nothing_else_is() -> None:
    turns = [Sample(id=f"{s}{i}", source=s, item=i, text="x") for s in "pqp" for i in range(2)]
    ready = Dialogue((Sample(id="y", source="p"),))
    found = conversations([*turns, ready, Sample(id="lone"), "a text"])
    assert [len(item.turns) if isinstance(item, Dialogue) else 0 for item in found] == [2, 2, 2, 1, 0, 1]
    assert [s.id for s in flatten(found)] == [*(t.id for t in turns), "y", "lone", "8"]
    assert found[3] is ready
