from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from affectus.affect import Evidence
from affectus.corpora.base import Judgement, one_hot, with_judgements
from affectus.errors import ConfigError, InputError
from affectus.registry import build
from affectus.sample import Dialogue, Sample
from affectus.systems.emotion_cause import EmotionCause
from affectus.testing.learning import descend
from affectus.training.features import Encoded

TALK = (("ann", "we won"), ("ben", "oh no"), ("ann", "what is it"), ("cem", "he lost"), ("ann", "sorry"))


def tiny(**changes: object) -> EmotionCause:
    torch.manual_seed(0)
    return build("emotion-cause/tiny", **changes).eval()


def talk(*said: tuple[str | None, str], number: int = 0) -> Dialogue:
    turns = [Sample(id=f"{number}-{i}", source=str(number), item=i, text=t, track=w) for i, (w, t) in enumerate(said)]
    return Dialogue(tuple(turns), id=str(number))


def judged(dialogue: Dialogue, labels: list[str], causes: list[list[Evidence]]) -> Dialogue:
    gold = Judgement({"dailydialog-7": one_hot([[x] for x in labels], "dailydialog-7")}, "perceived", "made", causes)
    return replace(dialogue, turns=tuple(with_judgements(list(dialogue.turns), [gold], modality="text")))


def test_targets_are_the_turns_backwards_and_unknown_where_nobody_said() -> None:
    system = tiny(reach=3)
    causes = [[], [Evidence("cause", item=1)], [], [Evidence("cause", item=1), Evidence("cause", item=0)],
              [Evidence("cause")]]  # fmt: skip
    batch = system.collate([judged(talk(*TALK), ["neutral", "anger", "neutral", "sadness", "sadness"], causes)])
    nan = np.nan
    wanted = [[nan, nan, nan], [1, 0, nan], [nan, nan, nan], [0, 0, 1], [0, 0, 0]]
    np.testing.assert_array_equal(batch.targets["cause"], np.array(wanted, np.float32))
    assert batch.inputs["same"].tolist()[2] == [True, False, True]
    assert [items for _, _, items in batch.notes][3] == [3, 2, 1]


def test_it_finds_the_turn_before_the_last_where_that_is_the_rule() -> None:
    """Known truth: every happy turn was caused by what the other said two turns ago."""
    system = tiny()
    causes = [[Evidence("cause", item=i - 2)] if i >= 2 else [] for i in range(5)]
    labels = ["neutral", "neutral", "happiness", "happiness", "happiness"]
    items = [judged(talk(*TALK, number=n), labels, causes) for n in range(2)]
    batch = system.train().collate(items).to("cpu")
    descend(system.parameters(), lambda _: sum(system.loss(system(**batch.inputs), batch).values()), 60)
    read = system.eval().read([talk(*TALK)])
    assert [[e.item for e in a.evidence] for a in read][2:] == [[0], [1], [2]]
    assert all(0.5 <= e.weight <= 1 for a in read for e in a.evidence)


def test_nothing_but_the_past_and_the_company_counts() -> None:
    system = tiny(bar=0.0)
    whole = system.read([talk(*TALK)])
    for n in range(1, len(TALK) + 1):
        cut = system.read([talk(*TALK[:n])])
        np.testing.assert_allclose(whole.scores("dailydialog-7")[:n], cut.scores("dailydialog-7"), atol=1e-6)
    renamed = {"ann": "zoe", "ben": "ann", "cem": "ben"}
    other = system.read([talk(*TALK * 3), talk(*((renamed[w], t) for w, t in TALK), number=1)])[-len(TALK) :]
    np.testing.assert_allclose(whole.scores("dailydialog-7"), other.scores("dailydialog-7"), atol=1e-6)
    assert all(e.item <= a.item for a in whole for e in a.evidence)


def test_odd_conversations() -> None:
    system = tiny(bar=0.0)
    one = system.read([talk(("ann", "hello"))])
    assert [e.item for e in one[0].evidence] == [0]
    odd = list(system.read([talk((None, "hello"), ("ann", " "), (None, "well"))]))
    assert odd[1].labels == ()
    assert odd[1].evidence == ()
    assert odd[1].flags == ("empty",)
    assert len(system.read([Dialogue(())])) == 0
    with pytest.raises(InputError, match="no text"):
        system.read([Sample(id="a")])
    with pytest.raises(ConfigError, match="one scale"):
        tiny(targets=[{"scale": "valence-arousal", "perspective": "perceived"}])


def test_encoded_once_rows_are_those_of_the_turns(tmp_path: Path) -> None:
    system = tiny()
    long = " ".join(["and then it rained again"] * 60)  # several windows
    dialogues = [
        judged(
            talk(("a", "I lost my keys."), ("b", long), number=n),
            ["sadness", "neutral"],
            [[Evidence("cause", item=0)], []],
        )
        for n in range(2)
    ]
    stored = Encoded(system, dialogues, tmp_path).batch([1, 0])
    plain = system.encode(**system.collate(dialogues[::-1]).to(system.device).inputs)
    torch.testing.assert_close(torch.as_tensor(stored.inputs["states"]), plain["states"], atol=1e-5, rtol=0)
    assert len(stored.inputs["back"]) == 4
