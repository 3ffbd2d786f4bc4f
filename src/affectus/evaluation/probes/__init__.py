"""What a reader of voices can be trusted with: changed sound, different people, words alone, and a smaller network.

The analyses of Wagner et al. (2023, Dawn of the transformer era in speech emotion recognition, IEEE TPAMI 45(9)) as
measurements of any reader of voices. Each gives a `Finding`, which `write` turns into a page and a JSON file.
"""

from affectus.evaluation.probes.efficiency import efficiency
from affectus.evaluation.probes.fairness import fairness
from affectus.evaluation.probes.finding import Finding, write
from affectus.evaluation.probes.linguistic import linguistic
from affectus.evaluation.probes.material import Material, material
from affectus.evaluation.probes.robustness import robustness

__all__ = ["Finding", "Material", "efficiency", "fairness", "linguistic", "material", "robustness", "write"]
