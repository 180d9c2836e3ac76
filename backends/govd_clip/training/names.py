"""From the names of icons to concepts: sizes and numbers stripped, vendors' spellings made one."""

import re

from govd_clip.training.sets import Domain, IconSet

_SIZE = re.compile(r"-\d+(px)?(?=-|$)")

# : class → (names under which vendors draw it, words that people use for it). Chosen by what the
# training families draw and people know.
CLASSES: dict[str, tuple[str, str]] = {
    "airplane": (
        "airplane plane aeroplane flight airplanemode-active",
        "plane|aircraft",
    ),
    "ambulance": ("ambulance", "emergency vehicle"),
    "anchor": ("anchor", "ship anchor"),
    "apple": ("red-apple apple-fruit", "red apple"),
    "avocado": ("avocado", "avocado pear"),
    "axe": ("axe", "hatchet"),
    "baby": ("baby", "infant"),
    "backpack": ("backpack", "rucksack|school bag"),
    "balloon": ("balloon", "party balloon"),
    "basketball": ("basketball basketball-ball", "basketball ball"),
    "bathtub": ("bathtub bath", "bath|tub"),
    "bed": ("bed", "bunk"),
    "bell": ("bell notifications", "ringer"),
    "bicycle": ("bicycle bike", "bike|cycle"),
    "bird": ("bird", "songbird"),
    "bomb": ("bomb", "explosive"),
    "bone": ("bone", "skeleton bone"),
    "book": ("book open-book book-open green-book blue-book closed-book", "novel"),
    "brain": ("brain", "mind"),
    "bread": ("bread", "loaf"),
    "briefcase": ("briefcase", "work bag"),
    "bug": ("bug", "insect"),
    "bus": ("bus", "coach"),
    "butterfly": ("butterfly", "moth"),
    "cactus": ("cactus", "desert plant"),
    "calculator": ("calculator", "adding machine"),
    "calendar": ("calendar", "date planner"),
    "camera": ("camera", "photo camera"),
    "candle": ("candle", "wax light"),
    "candy": ("candy", "sweet"),
    "car": (
        "car automobile car-side car-profile car-front oncoming-automobile",
        "automobile|auto",
    ),
    "carrot": ("carrot", "root vegetable"),
    "castle": ("castle", "fortress"),
    "cat": ("cat cat-face", "kitten|kitty"),
    "chair": ("chair", "wooden chair|dining chair"),
    "cheese": ("cheese cheese-wedge", "cheddar"),
    "church": ("church", "chapel"),
    "cloud": ("cloud", "cloudy sky"),
    "compass": ("compass", "direction finder"),
    "cookie": ("cookie", "biscuit"),
    "crown": ("crown", "tiara"),
    "dog": ("dog dog-face dog-side dog-side-fill", "puppy|hound"),
    "drum": ("drum", "snare"),
    "ear": ("ear", "hearing organ"),
    "egg": ("egg", "chicken egg"),
    "envelope": ("envelope mail email", "mail|letter"),
    "eye": ("eye", "eyeball"),
    "factory": ("factory", "industrial plant"),
    "feather": ("feather", "plume"),
    "ferris wheel": ("ferris-wheel", "big wheel"),
    "fire": ("fire flame", "flame|blaze"),
    "fish": ("fish", "trout"),
    "flag": ("flag", "banner"),
    "flashlight": ("flashlight", "pocket lamp|electric torch"),
    "ghost": ("ghost", "phantom"),
    "gift": ("gift wrapped-gift gift-box present", "present|wrapped gift"),
    "glasses": ("glasses eyeglasses eyeglass", "spectacles|eyeglasses"),
    "guitar": ("guitar", "acoustic guitar"),
    "hamburger": ("hamburger burger", "burger"),
    "hammer": ("hammer", "mallet"),
    "headphones": ("headphones headphone", "earphones"),
    "heart": ("heart red-heart", "love symbol"),
    "helicopter": ("helicopter", "chopper"),
    "hourglass": ("hourglass hourglass-done", "sand timer"),
    "house": ("house home", "home"),
    "ice cream": ("ice-cream soft-ice-cream", "gelato"),
    "key": ("key", "door key"),
    "keyboard": ("keyboard", "computer keys"),
    "laptop": ("laptop", "notebook computer"),
    "leaf": ("leaf", "foliage"),
    "light bulb": ("light-bulb lightbulb bulb", "lamp bulb"),
    "lipstick": ("lipstick", "lip colour"),
    "lock": ("lock locked padlock", "padlock"),
    "lungs": ("lungs", "breathing organ"),
    "magnet": ("magnet", "horseshoe magnet"),
    "microphone": ("microphone mic studio-microphone", "mic"),
    "microscope": ("microscope", "lab microscope"),
    "mosque": ("mosque", "minaret"),
    "mushroom": ("mushroom", "toadstool"),
    "pencil": ("pencil", "drawing pencil"),
    "pill": ("pill", "capsule|medicine"),
    "pizza": ("pizza pizza-slice", "pizza slice"),
    "printer": ("printer", "printing machine"),
    "rabbit": ("rabbit rabbit-face", "bunny|hare"),
    "rainbow": ("rainbow", "colourful arc"),
    "robot": ("robot", "automaton|mechanical man"),
    "rocket": ("rocket", "spaceship"),
    "sailboat": ("sailboat sailing", "sailing boat|yacht"),
    "scissors": ("scissors", "shears"),
    "shopping cart": ("shopping-cart cart", "trolley"),
    "skull": ("skull", "death head"),
    "snowflake": ("snowflake", "ice crystal"),
    "snowman": ("snowman", "snow figure"),
    "star": ("star", "five pointed star"),
    "sun": ("sun", "sunshine"),
    "syringe": ("syringe", "injection"),
    "tooth": ("tooth", "molar"),
    "train": ("train", "railway"),
    "trophy": ("trophy", "prize cup"),
    "umbrella": ("umbrella", "parasol"),
}

_CLASS_OF = {
    icon: name for name, (icons, _) in CLASSES.items() for icon in icons.split()
}

#: Same word, another thing: (set, icon name).
HOMONYMS = frozenset(
    {
        ("carbon", "bee"),
        ("icon-park-solid", "anchor"),
        ("icon-park-outline", "anchor"),
        ("solar", "bookmark"),
        ("mdi", "apple"),
        ("bi", "apple"),
        ("fluent", "keyboard-123"),
        ("mdi", "compass"),
        ("ri", "apple"),
        ("uil", "apple"),
        ("raphael", "apple"),
        ("fontisto", "apple"),
        ("ri", "flashlight"),
    }
)


def synonyms(name: str) -> tuple[str, ...]:
    """Other words for a class; empty for what is none."""
    if name in CLASSES:
        return tuple(CLASSES[name][1].split("|"))
    return ()


def concept(icon_set: IconSet, icon: str) -> tuple[str, Domain] | None:
    """What an icon shows and in which domain; None where its name does not tell."""
    split = icon_set.split(_SIZE.sub("", icon))
    if split is None:
        return None
    stem, domain = split
    stem = re.sub(r"(-\d+)+$", "", stem)
    if (
        (icon_set.name, stem) in HOMONYMS
        or len(stem) < 3
        or stem.startswith(("flag-", "flag-for"))
    ):
        return None
    return _CLASS_OF.get(stem, stem.replace("-", " ")), domain
