"""The language model over told clips: what it is given, what is trained, how frames become a clip."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from affectus import build
from affectus.backbones import Backbone
from affectus.errors import ConfigError
from affectus.frontends.textualise import EXPRESSIONS, UNITS, Clip, Quality
from affectus.nn.decisions import Decision, decided
from affectus.sample import Sample
from affectus.systems.textualized_cer import TextualizedCER
from affectus.testing.tasks.told_faces import told_faces

SMILE = np.array([[float(unit == "AU12") for unit in UNITS]])
JOY = np.array([[float(name == "happiness") for name in EXPRESSIONS]])


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def made(**changes: Any) -> TextualizedCER:
    system = build("textualized-cer/tiny", **changes).eval()
    assert isinstance(system, TextualizedCER)
    return system


def logits(system: TextualizedCER, *samples: Sample) -> np.ndarray:
    return system.logits([*samples])["cexpr-7"]


def film(frames: int = 5, name: str = "c") -> Clip:
    """A clip that smiles in its last frames, with words and a voice."""
    rng = np.random.default_rng(0)
    units = SMILE * (np.arange(frames) >= 3)[:, None]
    voice = (Quality("pitch", 0.8, 0.0, 1.0), Quality("rate", 0.1, 0.0, 1.0))
    sample = Sample(id=name, source="film", text="you came", features={"affect": rng.random(3)})
    return Clip(sample, np.arange(frames) / 10, units, np.tile(JOY, (frames, 1)), voice)


def test_readings_show_the_text_that_was_read() -> None:
    whole = film().whole()
    (reading,) = list(made(levels="names").read([whole]))
    assert reading.text is not None
    assert reading.text.splitlines()[:3] == [
        "Words: you came",
        "Face: Lip Corner Puller. It looks most like happiness, anger, disgust.",
        "Voice: High pitch, Low rate.",
    ]
    assert "arousal" in reading.text
    assert made(parts=("words",)).read([whole]).column("text")[0] == "Words: you came"


def test_a_sample_with_nothing_to_tell_has_no_scores() -> None:
    bare = [Sample(id="a", source="s", text=" "), Sample(id="b", source="s"), Sample(id="c", source="s", text="oh")]
    reading = made().read([*bare])
    assert [list(row.flags) for row in reading] == [["empty"], ["empty"], []]
    assert np.isnan(reading.scores("cexpr-7")).all(1).tolist() == [True, True, False]
    mute = Sample(id="d", source="s", text="", features={"action_units": SMILE, "expressions": JOY})
    assert made().read([mute]).column("text")[0].startswith("No words were understood.")


def test_adapters_and_head_alone_are_trained_with_a_stabilised_scale() -> None:
    system = made()
    trained = {name for name, p in system.named_parameters() if p.requires_grad}
    assert {name.rsplit(".", 1)[0] for name in trained if name.startswith("out")} == {"out"}
    assert all(".lora_" in name for name in trained if not name.startswith("out"))
    layer: Any = system.backbone.layers[0].self_attn.q_proj
    assert layer.scaling["default"] == pytest.approx(8 / 8**0.5)
    plain: Any = made(backbone=Backbone(name="tiny:llama", lora=8, alpha=8.0, match=("q_proj",)))
    assert plain.backbone.layers[0].self_attn.q_proj.scaling["default"] == 1.0


def test_a_checkpoint_of_adapters_holds_no_weights_of_the_language_model(tmp_path: Path) -> None:
    system = made()
    with torch.no_grad():
        for name, p in system.named_parameters():
            if ".lora_B" in name:
                p.normal_()
    system.save_pretrained(tmp_path)
    assert all(".lora_" in name or name.startswith("out.") for name in system.owned())
    again = TextualizedCER.from_pretrained(tmp_path)
    np.testing.assert_array_equal(logits(again, film().whole()), logits(system, film().whole()))


@pytest.mark.parametrize(
    ("pooling", "backbone"),
    [("last", "tiny:llama"), ("first", "tiny:bert"), ("mean", "tiny:bert"), ("last", "tiny:bert")],
)
def test_any_encoder_and_pooling_reads_the_same_alone_and_in_company(pooling: str, backbone: str) -> None:
    system = made(pooling=pooling, backbone=backbone)
    assert all(p.requires_grad for p in system.parameters())
    samples = [film().whole(), Sample(id="b", source="s", text="no"), Sample(id="c", source="s", text="well well well")]
    alone = np.concatenate([logits(system, sample) for sample in samples])
    np.testing.assert_allclose(logits(system, *samples), alone, atol=1e-5)
    assert np.abs(alone[1] - alone[2]).max() > 1e-5


def test_the_last_token_is_what_the_language_model_gives_for_it() -> None:
    system = made()
    batch = system.collate([film().whole(), Sample(id="b", source="s", text="no")]).to("cpu")
    with torch.no_grad():
        pooled = system.encode(**batch.inputs)["pooled"]
        ids = batch.inputs["ids"][1][batch.inputs["valid"][1]][None]
        torch.testing.assert_close(pooled[1], system.backbone(input_ids=ids).last_hidden_state[0, -1])


@pytest.mark.parametrize("how", ["vote", "logits", "probabilities"])
def test_frames_of_a_clip_decide_together(how: Decision) -> None:
    system, clip = made(decision=how), film(12)
    read = logits(system, *clip.around())
    wanted = decided(torch.tensor(read)[None], torch.ones(1, 12, dtype=torch.bool), how).softmax(-1)
    reading = system.read_clips([clip, film(0, "e")])
    np.testing.assert_allclose(reading.scores("cexpr-7")[:1], wanted, atol=1e-5)
    assert list(reading.column("source")) == ["film", "film"]
    assert np.isfinite(reading.scores("cexpr-7")).all()  # without a frame there are still words and voice


def test_a_clip_without_anything_is_flagged() -> None:
    none = Clip(Sample(id="n", source="film"), np.zeros(0), np.zeros((0, 20)), np.zeros((0, 7)))
    blind = dataclasses.replace(none.whole(), features={})
    system = made()
    assert list(system.read([blind]).column("flags")[0]) == ["empty"]
    told = system.read_clips([none])
    assert told.column("text")[0] == "No face was detected."


def test_faces_are_learned_from_their_text_and_not_without_it() -> None:
    assert told_faces("textualized-cer/tiny") < 0.5 * told_faces("textualized-cer/tiny", parts=("words",))


def test_targets_are_needed() -> None:
    with pytest.raises(ConfigError, match="no targets"):
        made(targets=())
