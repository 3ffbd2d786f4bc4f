"""The public contract suite: what every system must do, whoever wrote it.

`check_system("acme/tiny")` runs all checks that fit the system's role and card. A check that is known to fail is
declared with its reason in `Card.expected_failures`; a declared failure that passes is an error, so that declarations
don't rot.
"""

from affectus.testing.fast import FAST
from affectus.testing.items import synthetic_items
from affectus.testing.runner import ContractError, Outcome, check_system, run_check
from affectus.testing.slow import SLOW

__all__ = ["FAST", "SLOW", "ContractError", "Outcome", "check_system", "run_check", "synthetic_items"]
