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
ALLOWED_LICENCES = frozenset(
    {"MIT", "ISC", "Apache-2.0", "CC0-1.0", "CC-BY-4.0", "CC-BY-3.0"}
)

GLYPH_SUFFIXES = ("-fill", "-filled", "-solid", "-bold")
LINE_SUFFIXES = (
    "-outline",
    "-outlined",
    "-line",
    "-regular",
    "-linear",
    "-thin",
    "-light",
)
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
        stem = icon
        domain = self.plain
        styles: tuple[tuple[tuple[str, ...], Domain], ...] = (
            (GLYPH_SUFFIXES, "glyph"),
            (LINE_SUFFIXES, "line"),
        )
        for suffixes, style in styles:
            for suffix in suffixes:
                if icon.endswith(suffix):
                    stem = icon[: -len(suffix)]
                    domain = self.bold if suffix == "-bold" else style
        return (stem, domain) if domain else None


def _of(
    family: str,
    names: str,
    plain: Domain | None,
    role: Role = "train",
    suffixed: bool = False,
) -> list[IconSet]:
    """The sets of a family that are alike, their `names` separated by spaces."""
    return [
        IconSet(name=name, family=family, plain=plain, role=role, suffixed=suffixed)
        for name in names.split()
    ]


SETS: tuple[IconSet, ...] = (
    *_of("noto", "noto noto-v1", "colour"),
    *_of("fluent", "fluent-emoji-flat fluent-emoji", "colour"),
    *_of("fluent", "fluent-emoji-high-contrast", "glyph"),
    *_of("fluent", "fluent", None, suffixed=True),
    *_of("icons8", "flat-color-icons", "colour"),
    *_of("meteocons", "meteocons", "colour"),
    *_of(
        "streamline",
        "streamline-emojis streamline-color streamline-plump-color streamline-flex-color",
        "colour",
    ),
    *_of(
        "streamline",
        "streamline-sharp-color streamline-kameleon-color streamline-ultimate-color",
        "colour",
    ),
    *_of("streamline", "streamline-cyber-color", "colour"),
    *_of(
        "streamline",
        "streamline streamline-plump streamline-flex streamline-sharp",
        "line",
        suffixed=True,
    ),
    *_of(
        "streamline",
        "streamline-ultimate streamline-freehand streamline-cyber",
        "line",
        suffixed=True,
    ),
    *_of("game-icons", "game-icons", "glyph"),
    *_of("icon-park", "icon-park-solid", "glyph"),
    *_of("icon-park", "icon-park-outline", "line"),
    *_of("maki", "maki", "glyph"),
    *_of("mdi", "mdi", "glyph", suffixed=True),
    *_of("material-symbols-light", "material-symbols-light", "glyph", suffixed=True),
    *_of("healthicons", "healthicons", "glyph", suffixed=True),
    IconSet("ph", "ph", "line", suffixed=True, bold="line"),
    *_of("hugeicons", "hugeicons", "line", suffixed=True),
    *_of("carbon", "carbon", "line", suffixed=True),
    *_of("mingcute", "mingcute", None, suffixed=True),
    *_of("bi", "bi", "line", suffixed=True),
    *_of("solar", "solar", None, suffixed=True),
    *_of("lets-icons", "lets-icons", "line", suffixed=True),
    *_of("twemoji", "twemoji", "colour", "evaluation"),
    *_of("emojione", "emojione", "colour", "evaluation"),
    *_of("emojione", "emojione-monotone", "glyph", "evaluation"),
    *_of("fontawesome", "fa6-solid", "glyph", "evaluation"),
    *_of("tabler", "tabler", "line", "evaluation", True),
    *_of("lucide", "lucide", "line", "evaluation"),
    *_of("fxemoji", "fxemoji", "colour", "pool"),
    *_of("iconoir", "iconoir", "line", "pool", True),
    *_of("ionicons", "ion", "glyph", "pool", True),
    *_of("boxicons", "bx", "line", "pool"),
    *_of("boxicons", "bxs", "glyph", "pool"),
    *_of("remix", "ri", None, "calibration", True),
    *_of("clarity", "clarity", None, "calibration", True),
    *_of("tdesign", "tdesign", "line", "calibration", True),
    *_of("framework7", "f7", "line", "calibration", True),
    *_of("lineicons", "lineicons", "line", "calibration", True),
    *_of("unicons", "uil", "line", "calibration"),
    *_of("vaadin", "vaadin", "glyph", "calibration"),
    *_of("raphael", "raphael", "glyph", "calibration"),
    *_of("fontisto", "fontisto", "glyph", "calibration"),
)

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
    role_of = {
        family: role for role, families in OTHER_SPLIT.items() for family in families
    }
    return tuple(
        replace(icon_set, role=role_of.get(icon_set.family, "train"))
        for icon_set in SETS
    )
