"""Text as bags of content words see it: small letters, no punctuation, no digits, no stop words."""

from __future__ import annotations

import re
import string

# The English list of NLTK 3 (179 entries), which extends Porter's list of the Snowball project (BSD licence). Entries
# with an apostrophe never meet a cleaned word, which has none; they are left out.
_LISTED = """
a about above after again against ain all am an and any are aren as at be because been before being below between both
but by can couldn d did didn do does doesn doing don down during each few for from further had hadn has hasn have
haven having he her here hers herself him himself his how i if in into is isn it its itself just ll m ma me mightn
more most mustn my myself needn no nor not now o of off on once only or other our ours ourselves out over own re s
same shan she should shouldn so some such t than that the their theirs them themselves then there these they this
those through to too under until up ve very was wasn we were weren what when where which while who whom why will with
won wouldn y you your yours yourself yourselves
"""
STOP_WORDS = frozenset(_LISTED.split())
_WORD = re.compile(r"\w+")
_DELETED = str.maketrans("", "", string.punctuation.replace('"', "") + string.digits)  # quotation marks part words


def content_words(text: str) -> list[str]:
    """Words of a text as REDAffectiveLM cleans it (Kadan et al. 2024).

    Small letters; punctuation and digits are deleted, so that parts grow together ("don't" becomes "dont"); then runs
    of letters that are no stop words. Note that the stop words hold "not" and "no".
    """
    return [word for word in _WORD.findall(text.lower().translate(_DELETED)) if word not in STOP_WORDS]
