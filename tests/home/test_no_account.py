"""An account without a home folder, as containers give one."""

import platformdirs
import pytest

from govd.errors import Usage
from govd.home.home import default_home


def test_without_a_home_folder_the_home_must_be_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def unknown(*_: object) -> None:
        raise RuntimeError("could not determine the home directory")

    monkeypatch.delenv("GOVD_HOME", raising=False)
    monkeypatch.setattr(platformdirs, "user_data_path", unknown)
    with pytest.raises(Usage, match="set GOVD_HOME"):
        default_home()
