import numpy as np

from affectus.corpora.base import Corpus, Loaded, gold, one_hot, with_gold
from affectus.sample import Sample
from affectus.taxonomy import Target
from affectus.training.mapping import onto_targets

LABELS = [["joy"], ["love"], ["sadness"], ["neutral"], ["joy", "love"], ["joy", "optimism"], ["amusement"], ["anger"]]
CORPUS = Corpus(
    name="goemotions", title="", modality="text", targets=(Target("goemotions-28", "perceived"),), language="en",
    licence="", ship=True, consent="", citation="", perspective_source="", group="",
)  # fmt: skip
LEIA = (Target("leia-5", "perceived"),)


def loaded() -> Loaded:
    def rows(split: str, labels: list[list[str]]) -> list[Sample]:
        plain = [Sample(id=f"{split}-{i}", text="text", item=i) for i in range(len(labels))]
        scores = {"goemotions-28": one_hot(labels, "goemotions-28")}
        return with_gold(plain, scores, perspective="perceived", by="raters", modality="text")

    splits = {"train": rows("train", LABELS), "dev": rows("dev", LABELS[:4]), "test": rows("test", LABELS[:2])}
    return Loaded(CORPUS, splits, {"broken": 1})


def test_rows_with_one_label_that_has_an_image_are_taken_and_the_others_counted():
    mapped = onto_targets(loaded(), LEIA, ("train", "dev"))
    assert [s.id for s in mapped["train"]] == ["train-0", "train-1", "train-2", "train-7"]
    wanted = one_hot([["happiness"], ["affection"], ["sadness"], ["anger"]], "leia-5")
    assert np.array_equal(gold(mapped["train"], "leia-5"), wanted)
    assert set(mapped.splits) == {"train", "dev"}
    assert list(mapped.left_out.values()) == [1, 4, 1]
    assert "4 left out (of train, without one label on leia-5)" in mapped.summary
    row = mapped["train"][0].gold
    assert row is not None
    assert row[0].perspective == "perceived"
    assert "goemotions-28→leia-5" in row[0].by


def test_nothing_is_mapped_where_gold_fits_where_no_map_leads_or_where_texts_are_enough():
    for targets in ((Target("goemotions-28", "perceived"), *LEIA), (Target("flame-103", "intended"),), ()):
        corpus = loaded()
        assert onto_targets(corpus, targets, ("train",)) is corpus


def test_an_any_of_target_keeps_several_labels():
    mapped = onto_targets(loaded(), (Target("ekman-6+neutral", "perceived"),), ("train",))
    kind = mapped["train"][0].gold
    assert kind is not None
    scores = gold(mapped["train"], "ekman-6+neutral")
    assert np.isfinite(scores).all()
