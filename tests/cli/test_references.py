"""References to models, as they are typed in one folder and read by a daemon in another."""

from pathlib import Path

import pytest

from govd.cli.options import absolute_reference


@pytest.mark.parametrize(
    ("reference", "path"),
    [
        ("shop.npz", "{}/shop.npz"),
        ("delta:models/lm#ascent", "delta:{}/models/lm#ascent"),
        ("openai/clip-vit-base-patch32", "openai/clip-vit-base-patch32"),
        ("delta:models/none#ascent", "delta:models/none#ascent"),
        ("mini", "mini"),
        ("delta:", "delta:"),
    ],
)
def test_a_reference_to_a_file_is_the_same_in_a_daemons_folder(
    reference: str, path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "models/lm").mkdir(parents=True)
    (tmp_path / "shop.npz").touch()
    monkeypatch.chdir(tmp_path)
    assert absolute_reference(reference) == path.format(tmp_path)
