"""`python -m govd_clip.training <step>`: makes `mini` from the icon packages to the shipped
folder.
"""

import argparse
from pathlib import Path

from govd_clip.training.sets import SETS

NAMES = ("mini", "weak-64", "wide-256", "mini-without", "mini-256")


def main() -> None:
    """One sub-command a step; each reads what the one before it wrote into `--cache`."""
    parser = argparse.ArgumentParser(prog="python -m govd_clip.training", description=__doc__)
    parser.add_argument(
        "--cache",
        type=Path,
        default=Path("cache"),
        help="folder for pictures, checkpoints and logs",
    )
    steps = parser.add_subparsers(dest="step", required=True)
    dataset = steps.add_parser("dataset", help="render the icon packages")
    dataset.add_argument("packages", type=Path, help="the folder node_modules")
    dataset.add_argument(
        "--split",
        choices=("shipped", "other"),
        default="shipped",
        help="which vendors are held out",
    )
    train = steps.add_parser("train", help="train within a budget of wall-clock time")
    train.add_argument("--recipe", choices=NAMES, default="mini")
    train.add_argument("--minutes", type=float, help="default: the recipe's")
    train.add_argument(
        "--steps", type=int, help="a schedule of so many steps in the place of minutes"
    )
    train.add_argument("--workers", type=int, default=1, help="processes that draw the batches")
    train.add_argument("--seed", type=int, default=0)
    train.add_argument("--resume", action="store_true", help="go on where the checkpoint stopped")
    train.add_argument(
        "--restart",
        action="store_true",
        help="a new schedule of --minutes from the checkpoint's weights",
    )
    vectors = steps.add_parser(
        "vectors", help="write the embeddings of a model beside mini, as float16"
    )
    vectors.add_argument("recipe", choices=NAMES[1:])
    vectors.add_argument("folder", type=Path)
    steps.add_parser("evaluate", help="accuracy on the held-out drawings")
    package = steps.add_parser("package", help="write the folder that ships")
    package.add_argument("folder", type=Path)
    drawn = steps.add_parser("prototypes", help="draw the prototypes of a folder that ships anew")
    drawn.add_argument("folder", type=Path)
    measured = steps.add_parser(
        "measured", help="write pool and calibration drawings of a folder that ships anew"
    )
    measured.add_argument("packages", type=Path, help="the folder node_modules")
    measured.add_argument("folder", type=Path)
    given = parser.parse_args()

    # Imported late: each step needs other heavy libraries.
    if given.step == "dataset":
        if not given.packages.is_dir():
            names = " ".join(f"@iconify-json/{icon_set.name}" for icon_set in SETS)
            raise SystemExit(
                f"no such folder: {given.packages}; make it with\n  npm install {names}"
                " emojibase-data"
            )
        from govd_clip.training.dataset import build

        build(given.packages, given.cache, given.split)
    elif given.step == "train":
        from govd_clip.training.recipes import RECIPES
        from govd_clip.training.train import Budget
        from govd_clip.training.train import train as run

        recipe = RECIPES[given.recipe]
        budget = Budget(given.minutes or recipe.minutes, given.steps)
        run(given.cache, budget, given.seed, given.resume, given.restart, recipe, given.workers)
    elif given.step == "vectors":
        from govd_clip.training.recipes import RECIPES
        from govd_clip.training.vectors import write as write_vectors

        print(write_vectors(given.cache, RECIPES[given.recipe], given.folder))
    elif given.step == "evaluate":
        from govd_clip.training.evaluate import report

        print(report(given.cache))
    elif given.step == "prototypes":
        from govd_clip.plugin import open_folder
        from govd_clip.training.measured import digests
        from govd_clip.training.package import prototypes

        prototypes(given.folder, open_folder(given.folder, None, "mini", {}))
        digests(given.folder)
    elif given.step == "measured":
        from govd_clip.plugin import open_folder
        from govd_clip.training.measured import seal, write

        write(given.packages, given.folder, open_folder(given.folder, None, "mini", {}))
        seal(given.packages, given.folder)
    else:
        from govd_clip.training.package import write as package_folder

        package_folder(given.cache, given.folder)


if __name__ == "__main__":
    main()
