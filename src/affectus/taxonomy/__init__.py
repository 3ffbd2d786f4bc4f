"""Named scales, whose feeling they speak of, and explicit maps between them that say what they lose."""

from affectus.taxonomy.coordinates import Coordinates, coordinates, valence_arousal
from affectus.taxonomy.maps import ScaleMap, known_maps, map_scores, scale_map
from affectus.taxonomy.scale import (
    Perspective,
    Scale,
    Target,
    adopt_scales,
    known_scales,
    own_scales,
    register_scale,
    scale,
)

__all__ = [
    "Coordinates",
    "Perspective",
    "Scale",
    "ScaleMap",
    "Target",
    "adopt_scales",
    "coordinates",
    "known_maps",
    "known_scales",
    "map_scores",
    "own_scales",
    "register_scale",
    "scale",
    "scale_map",
    "valence_arousal",
]
