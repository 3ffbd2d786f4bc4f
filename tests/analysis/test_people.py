import numpy as np

from affectus import Timeline
from affectus.analysis.people import name_people, rename


def test_heard_and_seen_come_first_and_everyone_has_one_name():
    people = name_people(
        ["speaker-1", "speaker-2"], ["face-1", "face-2"], {"speaker-2": ("face-1", "lips move with the voice")}
    )
    assert [(p.name, p.speaker, p.face) for p in people] == [
        ("person-1", "speaker-2", "face-1"),
        ("person-2", "speaker-1", None),
        ("person-3", None, "face-2"),
    ]


def test_rename_replaces_tracks_of_people_only():
    spans = [("a", track, None, 0.0, 1.0) for track in ("speaker-1", "face-1", "music")]
    p = np.tile([1.0, 0, 0, 0], (3, 1))
    timeline = Timeline.build(spans, {"emodb-4": p}, perspective="intended", by="r", modality="voice")
    renamed = rename(timeline, name_people(["speaker-1"], ["face-1"], {"speaker-1": ("face-1", "only pair")}))
    assert renamed.column("track").tolist() == ["person-1", "person-1", "music"]
