import numpy as np
import pytest

from affectus.errors import CheckpointError
from affectus.frontends.bertweet import bertweet_tokenizer
from affectus.frontends.posts import PostCollate, normalise
from affectus.sample import Sample


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("@ana_b look: https://a.example/x?y=1 !", "@USER look: HTTPURL !"),
        ("_USER_REFERENCE_ wrote to _URL_", "@USER wrote to HTTPURL"),
        ("so happy 😀😀", "so happy :grinning_face: :grinning_face:"),
        ("mail ana@b.example or see WWW.b.example", "mail ana@b.example or see HTTPURL"),
        ("it’s  fine…\n", "it's fine..."),
        ("", ""),
    ],
)
def test_users_links_and_emoji_become_words(written, read):
    assert normalise(written) == read


def test_nothing_is_changed_on_request():
    assert normalise("@ana 😀", "as-is") == "@ana 😀"


def test_bertweet_splits_words_and_clitics():
    assert normalise("@ana I'm sure you can't😀", "bertweet") == "@USER I 'm sure you can't :grinning_face:"
    assert normalise("_USER_REFERENCE_ see _URL_!", "bertweet") == "@USER see HTTPURL !"


def test_a_post_is_one_row_cut_and_flagged():
    collate = PostCollate("tiny:bert", max_length=16)
    batch = collate([Sample(id="a", text="word " * 50), Sample(id="b", text="@me"), Sample(id="c", text=" ")])
    assert batch.inputs["ids"].shape[0] == 3
    assert batch.inputs["ids"].shape[1] <= 16
    assert [flags for _, flags in batch.notes] == [("truncated",), (), ("empty",)]
    assert batch.notes[1][0] == "@me"  # as it was written


@pytest.fixture
def bertweet_files(tmp_path):
    """A made vocabulary in BERTweet's form; the merge `lo w</w>` gives a piece that the vocabulary lacks."""
    pieces = ["l@@", "o@@", "w@@", "e@@", "r@@", "n@@", "r", "e", "w", "lo@@", "er", "ne@@", "new", "@USER", ":)"]
    (tmp_path / "vocab.txt").write_text("".join(f"{piece} {9}\n" for piece in pieces))
    merges = ["l o", "e r</w>", "n e", "ne w</w>", "lo w</w>", ": )</w>"]
    (tmp_path / "bpe.codes").write_text("".join(f"{merge} 7\n" for merge in merges))
    return tmp_path / "vocab.txt", tmp_path / "bpe.codes"


def test_the_fast_tokenizer_gives_the_ids_of_the_slow_one(bertweet_files):
    from transformers.models.bertweet.tokenization_bertweet import BertweetTokenizer

    slow = BertweetTokenizer(*map(str, bertweet_files))
    fast = bertweet_tokenizer(*bertweet_files)
    known = len(slow)
    assert fast.token_to_id("<mask>") == slow.convert_tokens_to_ids("<mask>") == known - 1
    rng = np.random.default_rng(0)
    for _ in range(300):
        text = " ".join("".join(rng.choice(list("lowernx:)"), rng.integers(1, 7))) for _ in range(4))
        ids = [i if i < known else 3 for i in fast.encode(text).ids]
        assert ids == slow(text)["input_ids"], text


def test_pieces_behind_the_vocabulary_are_read_as_unknown(bertweet_files, tmp_path):
    bertweet_tokenizer(*bertweet_files).save(str(tmp_path / "tokenizer.json"))
    collate = PostCollate(str(tmp_path / "tokenizer.json"), known=20, unknown=3)
    assert collate([Sample(id="a", text="low new")]).inputs["ids"].tolist() == [[0, 3, 16, 2]]


def test_files_of_another_form_are_named_errors(tmp_path):
    with pytest.raises(CheckpointError, match="can't be read"):
        bertweet_tokenizer(tmp_path / "vocab.txt", tmp_path / "bpe.codes")
    (tmp_path / "vocab.txt").write_text("piece\n")
    with pytest.raises(CheckpointError, match="no file of BERTweet"):
        bertweet_tokenizer(tmp_path / "vocab.txt", tmp_path / "vocab.txt")
