"""LEIA against the Hugging Face classes that its releases are, its published sizes, and its converter."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
import transformers

from affectus import registry
from affectus.batch import Batch
from affectus.errors import CheckpointError, ConfigError
from affectus.registry import build
from affectus.sample import Sample
from affectus.systems.leia import LEIA, LEIAPretrain, Shape, convert_official
from affectus.taxonomy import Target, scale

LABELS = scale("leia-5").labels
TINY = Shape(vocabulary=320, width=32, layers=2, heads=2, inner=64, positions=40, pad=1)
NAMES = {"Joy": 0, "anger": 1, "Sadness": 2, "FEAR": 3, "Affection": 4}  # a made release with its own order


def official(job: str, kind: str = "roberta", **changes):
    """A tiny random network of the published class."""
    sizes = {
        "vocab_size": 320, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "pad_token_id": 1,
        "intermediate_size": 64, "max_position_embeddings": 40, "type_vocab_size": 1, "layer_norm_eps": 1e-5,
    }  # fmt: skip
    prefix = {"roberta": "Roberta", "xlm-roberta": "XLMRoberta", "bert": "Bert"}[kind]
    torch.manual_seed(0)
    config = getattr(transformers, f"{prefix}Config")(**{**sizes, **changes})
    net = getattr(transformers, f"{prefix}For{job}")(config).eval()
    for parameter in net.parameters():  # biases start at zero and would hide a forgotten one
        torch.nn.init.normal_(parameter, std=0.2)
    return net


def ids_and_valid() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(4, 320, (3, 12), generator=generator)
    valid = torch.arange(12)[None] < torch.tensor([12, 7, 3])[:, None]
    return torch.where(valid, ids, torch.ones_like(ids)), valid


def test_the_labels_stand_in_the_order_of_the_released_configurations():
    assert LABELS == ("sadness", "affection", "fear", "happiness", "anger")


@pytest.mark.parametrize(
    ("variant", "parameters", "tensors"), [("base", 134_903_813, 201), ("large", 355_364_869, 393)]
)
def test_sizes_of_the_released_classifiers(variant, parameters, tensors):
    with torch.device("meta"):
        system = build(f"leia/{variant}")
        sizes = system.backbone.config
        published = transformers.RobertaForSequenceClassification(
            transformers.RobertaConfig(**{**sizes.to_dict(), "num_labels": 5})
        )
    assert sum(p.numel() for p in system.parameters()) == parameters
    assert len(system.state_dict()) == tensors
    theirs = {key: tuple(value.shape) for key, value in published.state_dict().items()}
    ours = {key.replace("backbone.", "roberta."): tuple(value.shape) for key, value in system.state_dict().items()}
    assert ours == theirs


@pytest.mark.parametrize("variant", ["base", "large"])
def test_sizes_of_the_released_language_models(variant):
    with torch.device("meta"):
        system = build(f"leia/{variant}-pretrain")
        published = transformers.RobertaForMaskedLM(transformers.RobertaConfig(**system.backbone.config.to_dict()))
    theirs = {key: tuple(v.shape) for key, v in published.state_dict().items() if "lm_head.decoder" not in key}
    ours = {key.replace("backbone.", "roberta."): tuple(value.shape) for key, value in system.state_dict().items()}
    assert ours == theirs
    assert sum(p.numel() for p in system.parameters()) == sum(p.numel() for p in published.parameters())


@pytest.mark.parametrize("kind", ["roberta", "xlm-roberta"])
def test_a_released_classifier_gives_the_same_logits(tmp_path, kind):
    net = official("SequenceClassification", kind, num_labels=5, id2label={i: n for n, i in NAMES.items()})
    net.save_pretrained(tmp_path)
    system = convert_official(tmp_path)
    assert isinstance(system, LEIA)
    ids, valid = ids_and_valid()
    with torch.no_grad():
        theirs = net(input_ids=ids, attention_mask=valid.long()).logits
        ours = system(ids=ids, valid=valid, content=valid)["leia-5"]
    order = [NAMES[{"happiness": "Joy", "anger": "anger", "fear": "FEAR"}.get(n, n.capitalize())] for n in LABELS]
    assert torch.allclose(ours, theirs[:, order], atol=1e-5)


@pytest.mark.parametrize("kind", ["roberta", "xlm-roberta"])
def test_a_released_language_model_gives_the_same_logits_and_loss(tmp_path, kind):
    net = official("MaskedLM", kind)
    net.save_pretrained(tmp_path)
    system = convert_official(tmp_path)
    assert isinstance(system, LEIAPretrain)
    _same_guesses(net, system)


def test_a_bert_with_the_same_weights_gives_the_same_logits_and_loss():
    net = official("MaskedLM", "bert", type_vocab_size=2)
    shape = replace(TINY, kind="bert", types=2)
    system = build("leia/tiny-pretrain", shape=vars(shape)).eval()
    system.backbone.load_state_dict(net.bert.state_dict())
    head = net.cls.predictions
    system.lm_head.dense.load_state_dict(head.transform.dense.state_dict())
    system.lm_head.layer_norm.load_state_dict(head.transform.LayerNorm.state_dict())
    system.lm_head.bias.data = head.bias.data
    _same_guesses(net, system)


def _same_guesses(net, system):
    ids, valid = ids_and_valid()
    masked = torch.zeros_like(valid)
    masked[0, 2:5] = masked[1, 1] = True
    gold = ids[masked]
    with torch.no_grad():
        labels = torch.where(masked, ids, -100)
        theirs = net(input_ids=ids, attention_mask=valid.long(), labels=labels)
        ours = system(ids=ids, valid=valid, masked=masked)
    assert torch.allclose(ours["tokens"], theirs.logits[masked], atol=1e-5)
    assert system.loss(ours, Batch({}, {"tokens": gold}, []))["tokens"].item() == pytest.approx(
        theirs.loss.item(), abs=1e-5
    )


def test_a_pickled_state_dict_is_read_and_a_pickled_object_is_not(tmp_path):
    net = official("SequenceClassification", num_labels=5, id2label=dict(enumerate(LABELS)))
    net.config.architectures = [type(net).__name__]
    net.config.save_pretrained(tmp_path)
    torch.save(net.state_dict(), tmp_path / "pytorch_model.bin")
    assert torch.equal(convert_official(tmp_path).classifier.dense.weight, net.classifier.dense.weight)
    torch.save(net, tmp_path / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match="safely"):
        convert_official(tmp_path)
    (tmp_path / "pytorch_model.bin").unlink()
    with pytest.raises(CheckpointError, match="neither"):
        convert_official(tmp_path)


def test_what_is_no_release_is_a_named_error(tmp_path):
    with pytest.raises(CheckpointError, match=r"config\.json"):
        convert_official(tmp_path)
    official("SequenceClassification", num_labels=3).save_pretrained(tmp_path)
    with pytest.raises(CheckpointError, match="label_0"):
        convert_official(tmp_path)
    row = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(row | {"architectures": ["T5Model"]}))
    with pytest.raises(CheckpointError, match="T5Model"):
        convert_official(tmp_path)
    official("MaskedLM").save_pretrained(tmp_path)
    row = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(row | {"num_hidden_layers": 3}))
    with pytest.raises(CheckpointError, match="lacks"):
        convert_official(tmp_path)


def test_a_converted_checkpoint_carries_its_tokenizer(tmp_path):
    net = official("SequenceClassification", num_labels=5, id2label=dict(enumerate(LABELS)))
    net.save_pretrained(tmp_path / "released")
    (tmp_path / "released" / "tokenizer.json").write_text(build("leia/tiny").collate.json())
    system = convert_official(tmp_path / "released")
    system.variant = system.name = "leia/base"
    system.save_pretrained(tmp_path / "ours")
    (tmp_path / "released" / "tokenizer.json").unlink()
    again = registry.load(str(tmp_path / "ours"))
    assert np.array_equal(again.read(["so glad"]).scores("leia-5"), system.read(["so glad"]).scores("leia-5"))


def test_pooling_is_of_the_first_token_or_of_the_words():
    ids, valid = ids_and_valid()
    content = valid.clone()
    content[:, 0] = False
    for pooling in ("first", "mean"):
        system = build("leia/tiny", pooling=pooling).eval()
        with torch.no_grad():
            states = system.backbone(input_ids=ids, attention_mask=valid.long()).last_hidden_state
            pooled = system.encode(ids, valid, content)["pooled"]
        wanted = (
            states[:, 0]
            if pooling == "first"
            else torch.stack([s[c].mean(0) for s, c in zip(states, content, strict=True)])
        )
        assert torch.allclose(pooled, wanted, atol=1e-6)


def test_the_smoothed_loss_is_that_of_torch_and_smoothing_ends_with_training():
    system = build("leia/tiny")
    batch = system.collate([Sample(id=str(i), text="abc") for i in range(3)])
    gold = torch.eye(5)[[0, 3, 3]]
    batch = batch._replace(targets={"leia-5": gold})
    logits = torch.randn(3, 5)
    for training, smoothing in ((True, 0.1), (False, 0.0)):
        wanted = torch.nn.functional.cross_entropy(logits, gold.argmax(1), label_smoothing=smoothing)
        got = system.train(training).loss({"leia-5": logits}, batch)["leia-5"]
        assert got.item() == pytest.approx(wanted.item(), abs=1e-6)
    with pytest.raises(ConfigError, match="no gold"):
        system.loss({"leia-5": logits}, batch._replace(targets={}))


def test_embedding_dropout_acts_where_it_is_said_to():
    assert build("leia/tiny", embedding_dropout=0.25).backbone.embeddings.dropout.p == 0.25
    with pytest.raises(ConfigError, match="2 targets"):
        build("leia/tiny", targets=[vars(Target("leia-5", "felt")), vars(Target("ekman-6", "felt"))])


def test_it_abstains_below_a_floor_and_flags_what_it_did_not_read_whole():
    system = build("leia/tiny", max_length=16).eval()
    sure = system.calibrated(replace(system.readouts[0], floor=0.99)).read(["glad"])[0]
    assert sure.labels == ()
    assert "abstained:low-confidence" in sure.flags
    assert "truncated" in system.read(["glad " * 40])[0].flags
    empty = system.read([""])[0]
    assert "empty" in empty.flags
    assert np.isnan(system.logits([""])["leia-5"]).all()


def test_the_evidence_is_what_leaving_a_word_out_takes_from_the_top_label():
    system = build("leia/tiny").eval()
    reading = system.explain(["so very glad"])[0]
    assert [e.text for e in reading.evidence] == ["so", "very", "glad"]

    def odds(text):
        p = system.read([text]).scores("leia-5")[0][LABELS.index(reading.top)]
        return float(np.log(p / (1 - p)))

    assert reading.evidence[2].weight == pytest.approx(odds("so very glad") - odds("so very "), abs=1e-4)


def test_logits_come_in_the_order_of_the_items_and_an_unmasked_batch_costs_nothing():
    system = build("leia/tiny").eval()
    texts = ["a much longer text than the other one", "b", "middle one"]
    assert np.allclose(
        system.logits(texts)["leia-5"], np.concatenate([system.logits([t])["leia-5"] for t in texts]), atol=1e-5
    )
    pretrain = build("leia/tiny-pretrain")
    batch = pretrain.collate([Sample(id="a", text=" ")]).to("cpu")
    assert pretrain.loss(pretrain(**batch.inputs), batch)["tokens"].item() == 0
