import pickle

import pytest

from affectus import errors


def subclasses(cls):
    return {cls, *(s for child in cls.__subclasses__() for s in subclasses(child))}


@pytest.mark.parametrize("cls", sorted(subclasses(errors.AffectusError), key=lambda c: c.__name__))
def test_every_error_says_what_is_allowed_and_what_to_do_and_survives_pickling(cls):
    error = cls("rate is 44100 Hz", allowed="16000 Hz", remedy="resample")
    assert str(error) == "rate is 44100 Hz; allowed: 16000 Hz; remedy: resample."
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again)) == (cls, str(error))


def test_unknown_names_list_what_exists_and_the_nearest():
    text = str(errors.unknown("corpus", "goemotion", ["goemotions", "isear"], listing="affectus corpora"))
    assert "'goemotion'" in text
    assert "goemotions, isear" in text
    assert "did you mean 'goemotions'? list them with `affectus corpora`" in text


def test_missing_packages_name_the_extra():
    with pytest.raises(errors.MissingDependency, match=r"no_such_package.*EEG.*affectus\[eeg\]"):
        errors.require("no_such_package", extra="eeg", purpose="reading EEG")
    assert errors.require("json", extra="x").dumps([]) == "[]"


def test_options_show_the_value_and_the_choices():
    with pytest.raises(
        errors.InputError, match="role is 'reder'; allowed: 'reader', 'tool'; remedy: did you mean 'reader'"
    ):
        errors.check_option("role", "reder", ["reader", "tool"])


def test_a_name_is_compared_without_the_room_that_all_names_share():
    known = ["affectus/text-goemotions", "affectus/voice-embedded"]
    assert errors.suggest("affectus/nope", known) == ""
    assert errors.suggest("affectus/text-goemotion", known) == "did you mean 'affectus/text-goemotions'?"
