"""Judges conditions of the collector's transformation language for one imagined process.

Three-valued: True and False only where the condition says so whatever is not known here (other attributes, values,
functions), else None. A warning must rest on certainty; the experiment shows the rest.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

UNKNOWN = object()
"""A value that is not known here."""

PRESENT = object()
"""A value that is not known here, but is not nil."""

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<text>"(?:\\.|[^"\\])*")
    | (?P<number>[-+]?\d+(?:\.\d+)?)
    | (?P<path>[A-Za-z_][\w.]*(?:\[(?:"(?:\\.|[^"\\])*"|\d+)\])*)
    | (?P<sign>==|!=|<=|>=|<|>|\(|\)|,|[-+*/\[\]{}:])
    )""",
    re.VERBOSE,
)
_COMPARISONS = frozenset({"==", "!=", "<", ">", "<=", ">="})


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of a condition; `kind` is text, number, path or sign."""

    kind: str
    text: str


class _UnreadableError(Exception):
    """The condition is not of the small language understood here; the collector itself may well read it."""


def evaluate(condition: str, values: Mapping[str, object]) -> bool | None:
    """The truth of a condition.

    Args:
        condition: As it stands in a configuration, with `$$` for `$`.
        values: What is known, by path as written, such as `resource.attributes["process.executable.name"]`: text,
            a number, None for nil, or PRESENT.
    """
    try:
        reader = _Reader(tokens(condition), values)
        truth = reader.disjunction()
        return truth if reader.at_end() else None
    except (_UnreadableError, RecursionError):
        return None


def tokens(condition: str) -> list[Token]:
    """The pieces of a condition; empty if there is something else in it."""
    found: list[Token] = []
    condition = condition.replace("$$", "$").rstrip()
    at = 0
    while at < len(condition):
        piece = _TOKEN.match(condition, at)
        if not piece:
            return []
        found.append(Token(cast("str", piece.lastgroup), piece[piece.lastgroup or 0]))
        at = piece.end()
    return found


def literal(token: Token) -> str:
    """The text that a quoted token stands for."""
    try:
        return cast("str", json.loads(token.text))
    except ValueError:
        return token.text[1:-1]


class _Reader:
    """Recursive descent; every part evaluates as it is read."""

    def __init__(self, pieces: list[Token], values: Mapping[str, object]) -> None:
        self._pieces = pieces
        self._values = values
        self._at = 0

    def at_end(self) -> bool:
        return self._at == len(self._pieces)

    def disjunction(self) -> bool | None:
        truths = [self._conjunction()]
        while self._accept("or"):
            truths.append(self._conjunction())
        return True if True in truths else None if None in truths else False

    def _conjunction(self) -> bool | None:
        truths = [self._negation()]
        while self._accept("and"):
            truths.append(self._negation())
        return False if False in truths else None if None in truths else True

    def _negation(self) -> bool | None:
        if self._accept("not"):
            truth = self._negation()
            return None if truth is None else not truth
        if self._accept("("):
            truth = self.disjunction()
            self._expect(")")
            return truth
        return self._comparison()

    def _comparison(self) -> bool | None:
        left = self._value()
        if self._peek() not in _COMPARISONS:
            return left if isinstance(left, bool) else None
        sign = self._next().text
        return _compare(sign, left, self._value())

    def _value(self) -> object:
        token = self._next()
        match token.kind:
            case "text":
                return literal(token)
            case "number":
                return float(token.text)
            case "path" if self._peek() == "(":
                return self._call(token.text)
            case "path":
                constants = {"true": True, "false": False, "nil": None}
                known = constants.get(token.text, self._values.get(token.text, UNKNOWN))
                return constants.get(token.text, known)
            case _:
                raise _UnreadableError

    def _call(self, name: str) -> object:
        self._expect("(")
        arguments: list[object] = []
        while not self._accept(")"):
            arguments.append(self._value())
            self._accept(",")
        return _is_match(arguments) if name == "IsMatch" else UNKNOWN

    def _peek(self) -> str:
        return self._pieces[self._at].text if self._at < len(self._pieces) else ""

    def _next(self) -> Token:
        if self.at_end():
            raise _UnreadableError
        self._at += 1
        return self._pieces[self._at - 1]

    def _accept(self, text: str) -> bool:
        if self._peek() != text:
            return False
        self._at += 1
        return True

    def _expect(self, text: str) -> None:
        if not self._accept(text):
            raise _UnreadableError


def _is_match(arguments: list[object]) -> object:
    if len(arguments) != 2 or not all(isinstance(argument, str) for argument in arguments):
        return UNKNOWN
    value, pattern = cast("list[str]", arguments)
    return matches(pattern, value)


def matches(pattern: str, value: str) -> object:
    """Whether RE2 would find `pattern` in `value`, as far as Python can tell."""
    try:
        return re.search(pattern, value, re.ASCII) is not None
    except re.error:
        return UNKNOWN


def _compare(sign: str, left: object, right: object) -> bool | None:
    if left is UNKNOWN or right is UNKNOWN:
        return None
    if PRESENT in (left, right):
        if sign in ("==", "!=") and None in (left, right):
            return sign == "!="
        return None
    if sign == "==":
        return left == right
    if sign == "!=":
        return left != right
    return None
