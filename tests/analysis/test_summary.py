import numpy as np

from affectus.analysis.summary import summarize
from affectus.timeline import Timeline


def timeline(scale: str, rows: list[list[float]], modality: str = "text", **more: object) -> Timeline:
    spans = [("a.txt", None, i) for i in range(len(rows))]
    scores = {scale: np.array(rows, np.float32)}
    return Timeline.build(spans, scores, perspective="felt", by="made up", modality=modality, **more)  # type: ignore[arg-type]


def test_a_reader_of_quantities_is_summed_up_by_their_means() -> None:
    rows = summarize(timeline("empathy-distress", [[4.0, 2.0], [5.0, np.nan]]))
    assert rows == [("a.txt", "", "text", "2", "mean empathy 4.50, distress 2.00", "", "")]


def test_labels_come_before_quantities_and_motion_is_left_out() -> None:
    named = timeline("polarity-3", [[0.1, 0.2, 0.7]], labels={"polarity-3": [["positive"]]})
    both = Timeline.concat([named, timeline("valence", [[0.5]])])
    assert [row[4] for row in summarize(both)] == ["positive 100%"]
    assert summarize(timeline("arkit-52", [[0.0] * 52], modality="face")) == []
