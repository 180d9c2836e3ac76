"""Ready policies: each is a policy with its defaults, and says what a wrong value is."""

import pytest

from govd.errors import Usage
from govd.policies.document import read
from govd.policies.ready import filled
from govd.types import ReadyPolicy
from govd_policies import govd_policies

READY = dict(govd_policies())


@pytest.mark.parametrize("ready", READY.values(), ids=str)
def test_each_says_what_it_is_for_and_reads_with_its_defaults(ready: ReadyPolicy) -> None:
    assert len(ready.description.split()) > 10
    document = read(filled(ready, {}), ready.name)
    assert document.name == ready.name
    assert document.message


def test_a_wrong_parameter_is_told() -> None:
    with pytest.raises(Usage, match="no parameter"):
        filled(READY["two-people"], {"costs": "0.1"})
    with pytest.raises(Usage, match="share"):
        filled(READY["two-people"], {"cost": "2"})
    with pytest.raises(Usage, match="number"):
        filled(READY["two-people"], {"n": "two"})
    with pytest.raises(Usage, match="written"):
        filled(READY["two-people"], {"role": "x}\neffect: allow"})
