"""`python -m govd_clip.training <step>`: makes `mini` from the icon packages to the shipped
folder.
"""

import argparse
from pathlib import Path

from govd_clip.training.sets import SETS

NAMES = ("mini", "weak-64", "wide-256", "mini-without", "mini-256")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m govd_clip.training", description=__doc__
    )
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
    _add_train(
        steps.add_parser("train", help="train within a budget of wall-clock time")
    )
    vectors = steps.add_parser(
        "vectors", help="write the embeddings of a model beside mini, as float16"
    )
    vectors.add_argument("recipe", choices=NAMES[1:])
    vectors.add_argument("folder", type=Path)
    steps.add_parser("evaluate", help="accuracy on the held-out drawings")
    package = steps.add_parser("package", help="write the folder that ships")
    package.add_argument("folder", type=Path)
    drawn = steps.add_parser(
        "prototypes", help="draw the prototypes of a folder that ships anew"
    )
    drawn.add_argument("folder", type=Path)
    measured = steps.add_parser(
        "measured",
        help="write pool and calibration drawings of a folder that ships anew",
    )
    measured.add_argument("packages", type=Path, help="the folder node_modules")
    measured.add_argument("folder", type=Path)
    return parser


def _add_train(train: argparse.ArgumentParser) -> None:
    add = train.add_argument
    add("--recipe", choices=NAMES, default="mini")
    add("--minutes", type=float, help="default: the recipe's")
    add("--steps", type=int, help="a schedule of so many steps in the place of minutes")
    add("--workers", type=int, default=1, help="processes that draw the batches")
    add("--seed", type=int, default=0)
    add("--resume", action="store_true", help="go on where the checkpoint stopped")
    restart = "a new schedule of --minutes from the checkpoint's weights"
    add("--restart", action="store_true", help=restart)


# Each step imports what it needs when it runs: they need different heavy libraries.


def _dataset(options: argparse.Namespace) -> None:
    if not options.packages.is_dir():
        names = " ".join(f"@iconify-json/{icon_set.name}" for icon_set in SETS)
        raise SystemExit(
            f"no such folder: {options.packages}; make it with\n  npm install {names}"
            " emojibase-data"
        )
    from govd_clip.training.dataset import build

    build(options.packages, options.cache, options.split)


def _train(options: argparse.Namespace) -> None:
    from govd_clip.training.recipes import RECIPES
    from govd_clip.training.train import Budget, Start, train

    recipe = RECIPES[options.recipe]
    budget = Budget(options.minutes or recipe.minutes, options.steps)
    start = Start(options.seed, options.resume, options.restart)
    train(options.cache, budget, start, recipe, options.workers)


def _vectors(options: argparse.Namespace) -> None:
    from govd_clip.training.recipes import RECIPES
    from govd_clip.training.vectors import write

    print(write(options.cache, RECIPES[options.recipe], options.folder))


def _evaluate(options: argparse.Namespace) -> None:
    from govd_clip.training.evaluate import report

    print(report(options.cache))


def _package(options: argparse.Namespace) -> None:
    from govd_clip.training.package import write

    write(options.cache, options.folder)


def _prototypes(options: argparse.Namespace) -> None:
    from govd.types import ModelReference
    from govd_clip.plugin import open_folder
    from govd_clip.training.measured import digests
    from govd_clip.training.package import prototypes

    prototypes(
        options.folder, open_folder(options.folder, None, ModelReference("mini"))
    )
    digests(options.folder)


def _measured(options: argparse.Namespace) -> None:
    from govd.types import ModelReference
    from govd_clip.plugin import open_folder
    from govd_clip.training.measured import seal, write

    write(
        options.packages,
        options.folder,
        open_folder(options.folder, None, ModelReference("mini")),
    )
    seal(options.packages, options.folder)


STEPS = {
    "dataset": _dataset,
    "train": _train,
    "vectors": _vectors,
    "evaluate": _evaluate,
    "package": _package,
    "prototypes": _prototypes,
    "measured": _measured,
}


def main() -> None:
    """One sub-command a step; each reads what the one before it wrote into `--cache`."""
    options = _parser().parse_args()
    STEPS[options.step](options)


if __name__ == "__main__":
    main()
