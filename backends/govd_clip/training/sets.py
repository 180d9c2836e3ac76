"""The icon sets that `mini` is trained and judged on: licence, vendor family, role and the style of
each picture.
"""

from dataclasses import dataclass, replace
from typing import Literal

Domain = Literal["colour", "glyph", "line"]
Role = Literal["train", "evaluation", "pool", "calibration"]
Split = Literal["shipped", "other"]

DOMAINS: tuple[Domain, ...] = ("colour", "glyph", "line")

#: Share-alike sets (openmoji, emojione-v1) are left out: the pictures are shipped.
ALLOWED_LICENCES = frozenset({"MIT", "ISC", "Apache-2.0", "CC0-1.0", "CC-BY-4.0", "CC-BY-3.0"})

GLYPH_SUFFIXES = ("-fill", "-filled", "-solid", "-bold")
LINE_SUFFIXES = ("-outline", "-outlined", "-line", "-regular", "-linear", "-thin", "-light")
OTHER_SUFFIXES = (
    "-duotone",
    "-remix",
    "-negative",
    "-broken",
    "-twotone",
    "-rounded",
    "-sharp",
    "-color",
    "-block",
)


@dataclass(frozen=True)
class IconSet:
    """One npm package `@iconify-json/<name>`.

    `plain` is the domain of a name without a style suffix; None where every picture says its style.
    A *family* is everything of one vendor; a family has one role, in every domain: `train`,
    `evaluation` (what figures are told of), `pool` (unlabelled, what forgets are solved on),
    `calibration` (labelled, what govd's own constants are chosen on). `bold` says what "-bold"
    means to the vendor: filled, or outlined with a thick pen.
    """

    name: str
    family: str
    plain: Domain | None
    role: Role = "train"
    suffixed: bool = False
    bold: Domain = "glyph"

    def split(self, icon: str) -> tuple[str, Domain] | None:
        """The name without its style suffix and the domain; None for a style that is none of the
        three.
        """
        if not self.suffixed:
            return (icon, self.plain) if self.plain else None
        if icon.endswith(OTHER_SUFFIXES):
            return None
        stem, domain = icon, self.plain
        for suffixes, style in ((GLYPH_SUFFIXES, "glyph"), (LINE_SUFFIXES, "line")):
            for suffix in suffixes:
                if icon.endswith(suffix):
                    stem, domain = icon[: -len(suffix)], self.bold if suffix == "-bold" else style  # type: ignore[assignment]
        return (stem, domain) if domain else None


def _sets() -> list[IconSet]:
    def of(
        family: str, names: str, plain: Domain | None, role: Role = "train", suffixed: bool = False
    ) -> list[IconSet]:
        return [IconSet(name, family, plain, role, suffixed) for name in names.split()]

    return [
        *of("noto", "noto noto-v1", "colour"),
        *of("fluent", "fluent-emoji-flat fluent-emoji", "colour"),
        *of("fluent", "fluent-emoji-high-contrast", "glyph"),
        *of("fluent", "fluent", None, suffixed=True),
        *of("icons8", "flat-color-icons", "colour"),
        *of("meteocons", "meteocons", "colour"),
        *of(
            "streamline",
            "streamline-emojis streamline-color streamline-plump-color streamline-flex-color",
            "colour",
        ),
        *of(
            "streamline",
            "streamline-sharp-color streamline-kameleon-color streamline-ultimate-color",
            "colour",
        ),
        *of("streamline", "streamline-cyber-color", "colour"),
        *of(
            "streamline",
            "streamline streamline-plump streamline-flex streamline-sharp",
            "line",
            suffixed=True,
        ),
        *of(
            "streamline",
            "streamline-ultimate streamline-freehand streamline-cyber",
            "line",
            suffixed=True,
        ),
        *of("game-icons", "game-icons", "glyph"),
        *of("icon-park", "icon-park-solid", "glyph"),
        *of("icon-park", "icon-park-outline", "line"),
        *of("maki", "maki", "glyph"),
        *of("mdi", "mdi", "glyph", suffixed=True),
        *of("material-symbols-light", "material-symbols-light", "glyph", suffixed=True),
        *of("healthicons", "healthicons", "glyph", suffixed=True),
        IconSet("ph", "ph", "line", suffixed=True, bold="line"),
        *of("hugeicons", "hugeicons", "line", suffixed=True),
        *of("carbon", "carbon", "line", suffixed=True),
        *of("mingcute", "mingcute", None, suffixed=True),
        *of("bi", "bi", "line", suffixed=True),
        *of("solar", "solar", None, suffixed=True),
        *of("lets-icons", "lets-icons", "line", suffixed=True),
        *of("twemoji", "twemoji", "colour", "evaluation"),
        *of("emojione", "emojione", "colour", "evaluation"),
        *of("emojione", "emojione-monotone", "glyph", "evaluation"),
        *of("fontawesome", "fa6-solid", "glyph", "evaluation"),
        *of("tabler", "tabler", "line", "evaluation", True),
        *of("lucide", "lucide", "line", "evaluation"),
        *of("fxemoji", "fxemoji", "colour", "pool"),
        *of("iconoir", "iconoir", "line", "pool", True),
        *of("ionicons", "ion", "glyph", "pool", True),
        *of("boxicons", "bx", "line", "pool"),
        *of("boxicons", "bxs", "glyph", "pool"),
        *of("remix", "ri", None, "calibration", True),
        *of("clarity", "clarity", None, "calibration", True),
        *of("tdesign", "tdesign", "line", "calibration", True),
        *of("framework7", "f7", "line", "calibration", True),
        *of("lineicons", "lineicons", "line", "calibration", True),
        *of("unicons", "uil", "line", "calibration"),
        *of("vaadin", "vaadin", "glyph", "calibration"),
        *of("raphael", "raphael", "glyph", "calibration"),
        *of("fontisto", "fontisto", "glyph", "calibration"),
    ]


SETS: tuple[IconSet, ...] = tuple(_sets())

OTHER_SPLIT: dict[Role, frozenset[str]] = {
    "evaluation": frozenset({"noto", "mdi", "carbon", "ph"}),
    "pool": frozenset({"fluent", "icons8", "mingcute", "bi", "maki"}),
}
"""Families that are held out in the split `other`; everything else is trained on, what `mini` is
judged on included.
"""


def sets_of(split: Split) -> tuple[IconSet, ...]:
    """The icon sets with the roles that they have in a split: `shipped` is `mini`'s, `other` is for
    models beside it.
    """
    if split == "shipped":
        return SETS
    role_of = {family: role for role, families in OTHER_SPLIT.items() for family in families}
    return tuple(replace(icon_set, role=role_of.get(icon_set.family, "train")) for icon_set in SETS)
