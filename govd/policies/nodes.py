"""YAML as nodes with their places, so that every error says its line and column."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from govd.errors import BadFile
from govd.policies.language import meant

if TYPE_CHECKING:
    import yaml

MAX_TEXT_BYTES: Final = 65_536
MAX_DEPTH: Final = 12  # levels of lists and mappings in each other
OPENS: Final = ("<block mapping start>", "<block sequence start>", "{", "[")
CLOSES: Final = ("<block end>", "}", "]")
REFUSED: Final = ("<anchor>", "<alias>", "<tag>")


class Nodes:
    """Reads one text. `where`: the file's name, for errors; `needed`: keys that it must have."""

    needed: tuple[str, ...] = ()

    def __init__(self, text: str, where: str) -> None:
        self.text = text
        self.where = where

    def _root(self) -> yaml.Node:
        import yaml

        if len(self.text.encode()) > MAX_TEXT_BYTES:
            advice = f"At most {MAX_TEXT_BYTES // 1024} KiB."
            raise BadFile("the policy is too long", where=self.where, advice=advice)
        try:
            self._scan()
            root = yaml.compose(self.text, Loader=yaml.SafeLoader)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark
            place = self._at(mark) if mark else self.where
            raise BadFile(f"no YAML: {error.problem}", where=place) from None
        except (yaml.YAMLError, RecursionError) as error:
            raise BadFile(f"no YAML: {str(error)[:200]}", where=self.where) from None
        if root is None:
            raise BadFile(
                "an empty file",
                where=self.where,
                advice=f"Needed: {', '.join(self.needed)}.",
            )
        return root

    def _scan(self) -> None:
        """What no policy has is refused token by token, before anything is built of it: a parser
        takes minutes for a text that is brackets alone.
        """
        import yaml

        depth = 0
        for token in yaml.scan(self.text):
            if token.id in REFUSED:
                raise self._bad(
                    token, "anchors, aliases and tags are no part of a policy"
                )
            depth += (token.id in OPENS) - (token.id in CLOSES)
            if depth > MAX_DEPTH:
                raise self._bad(
                    token, f"more than {MAX_DEPTH} levels", "A policy has four."
                )

    def _mapping(
        self, node: yaml.Node, what: str, known: tuple[str, ...]
    ) -> dict[str, yaml.Node]:
        """Keys and nodes of a mapping."""
        if node.id != "mapping":
            raise self._bad(
                node, f"{what} is written as KEY: VALUE", f"Keys: {', '.join(known)}."
            )
        at: dict[str, yaml.Node] = {}
        for key, value in node.value:
            name = str(key.value)
            if name not in known:
                raise self._bad(key, f"{what} has no {name!r}", meant(name, known))
            if name in at:
                raise self._bad(key, f"{name} is said twice")
            at[name] = value
        return at

    def _list(self, node: yaml.Node, what: str) -> list[yaml.Node]:
        if node.id == "scalar":
            return [node]
        if node.id != "sequence":
            raise self._bad(node, f"{what} is a list")
        return list(node.value)

    def _text(self, node: yaml.Node, what: str) -> str:
        if node.id != "scalar" or not str(node.value).strip():
            raise self._bad(node, f"{what} is a text")
        return str(node.value)

    def _bad(self, node: Any, what: str, advice: str = "") -> BadFile:
        return BadFile(what, where=self._at(node.start_mark), advice=advice)

    def _at(self, mark: Any) -> str:
        return f"{self.where}:{mark.line + 1}:{mark.column + 1}"
