import json

import pytest
import torch
import transformers

from affectus import registry
from affectus.card import CheckpointCard
from affectus.taxonomy import scale


@pytest.fixture
def released(tmp_path):
    """A made release of a tiny classifier."""
    torch.manual_seed(0)
    config = transformers.RobertaConfig(
        vocab_size=320, hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64,
        max_position_embeddings=40, type_vocab_size=1, num_labels=5, id2label=dict(enumerate(scale("leia-5").labels)),
    )  # fmt: skip
    folder = tmp_path / "released"
    transformers.RobertaForSequenceClassification(config).save_pretrained(folder)
    (folder / "tokenizer.json").write_text(registry.build("leia/tiny").collate.json())
    return folder


def test_published_files_become_a_checkpoint_that_reads(run, released, tmp_path):
    code, shown, _ = run("convert", "leia/base", released, "--out", tmp_path / "mine")
    assert code == 0
    assert "weights" in shown
    reader = registry.load(str(tmp_path / "mine"))
    assert reader.read(["so glad"])[0].top in scale("leia-5").labels
    card = CheckpointCard.load(tmp_path / "mine")
    assert card.perspective == "felt"
    assert card.figures == ()
    assert json.loads((tmp_path / "mine" / "config.json").read_text())["variant"] == "leia/base"


def test_mistakes_are_named(run, released, tmp_path):
    out = tmp_path / "mine"
    for words, message in (
        (("text-classifier/tiny", released), "no converter"),
        (("leia/bose", released), "did you mean 'base'"),
        (("leia/base", tmp_path / "absent"), "no file or folder"),
        (("leia/base-pretrain", released), "holds a LEIA"),
        (("leia/base", tmp_path), "config.json"),
    ):
        code, _, error = run("convert", *words, "--out", out)
        assert code == 2
        assert message in error
        assert not out.exists()
    code, _, error = run("convert", "leia/base", released, "--out", released)
    assert code == 2
    assert "exists" in error


def test_a_reader_named_alone_takes_the_place_of_its_modality(run, released, tmp_path):
    assert run("convert", "leia/base", released, "--out", tmp_path / "mine")[0] == 0
    (tmp_path / "notes.txt").write_text("So glad. So sad.")
    for spelled in (tmp_path / "mine", f"text={tmp_path / 'mine'}"):
        out = tmp_path / f"out-{len(str(spelled))}"
        assert run("analyze", tmp_path / "notes.txt", "--reader", spelled, "--out", out, "-q")[0] == 0
        rows = (out / "timeline.csv").read_text()
        assert "affectus/mine" in rows
    code, _, error = run("analyze", tmp_path / "notes.txt", "--reader", "affectus/absent")
    assert code == 2
    assert "no checkpoint named" in error
