"""Values of a setting, made from what its type says: good ones, those at its bounds, and broken ones."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from hypothesis import strategies as st
from pxl_components.contracts import CONCEPTS, CONTRACTS
from pydantic import AfterValidator, SecretStr
from pydantic.fields import FieldInfo

from infra.settings.model import SECRET_KEYS, Section, Settings

Strategy = st.SearchStrategy[Any]

HEX = "0123456789abcdef"
_LENGTHS = (1, 2, 32, 62, 63, 64, 252, 253, 254, 300)
# What somebody could write anywhere, and what has another meaning elsewhere.
_ODD = [
    *("", " ", "x", "x" * 300, "größe", "a\nb", "a\n", "a\0b", "\x7f", "\u2028", "\U0001f600"),
    *("a:b", "a,b=c", "../..", "-x", "$(POD_NAME)", "{}", '{"a": 1}', "%s", "{x}"),
    *("yes", "null", "5", "1e3", "2030-01-31", "2030-01-31 00:00:00 +0000 UTC"),
    *(True, False, 0, -1, 1, 1.5, 10**20, None, [], {}, ["x"], [None], {"x": 1}, [["x"]]),
]  # fmt: skip


@dataclass(frozen=True)
class Rules:
    """What is said about a value besides its type."""

    low: int | None = None
    high: int | None = None
    length: int = 0
    pattern: str | None = None
    validator: str | None = None

    @classmethod
    def of(cls, metadata: Sequence[Any]) -> "Rules":
        """From the metadata of a field or an ``Annotated``; pydantic nests them."""
        found: dict[str, Any] = {}
        for item in metadata:
            if isinstance(item, FieldInfo):
                inner = cls.of(item.metadata)
                found |= {key: value for key, value in vars(inner).items() if value}
            if isinstance(item, AfterValidator):
                found["validator"] = item.func.__name__
            names = {"ge": "low", "le": "high", "min_length": "length", "pattern": "pattern"}
            found |= {to: getattr(item, of) for of, to in names.items() if getattr(item, of, None) is not None}
        return cls(**found)

    def with_more(self, metadata: Sequence[Any]) -> "Rules":
        """These, and those of a type within."""
        more = {key: value for key, value in vars(Rules.of(metadata)).items() if value}
        return Rules(**{**vars(self), **more})


@dataclass(frozen=True)
class Values:
    """Strategies for one setting. Good values are good alone; whether they fit together, only the check knows.

    Attributes:
        good: What its type allows.
        bad: What it does not, as a rule.
        edge: Good values at the bounds: the least, the most, the longest.
    """

    good: Strategy
    bad: Strategy
    edge: Strategy


def of_field(field: FieldInfo) -> Values:
    """The values of a setting of the model."""
    return of(field.annotation, Rules.of(field.metadata))


def of(kind: Any, rules: Rules | None = None) -> Values:
    """The values of a type."""
    rules, origin, inner = rules or Rules(), get_origin(kind), get_args(kind)
    if origin is Annotated:
        return of(inner[0], rules.with_more(inner[1:]))
    if origin in (Union, UnionType):
        (only,) = [item for item in inner if item is not type(None)]
        found = of(only, rules)
        # Not by itself the simplest one: a failure is to shrink to a value that is there.
        return Values(found.good | st.none(), found.bad, found.edge)
    if origin is list:
        return _lists(of(inner[0]), rules)
    if origin is dict:
        return _mappings(of(inner[0]), of(inner[1]))
    return _single(kind, rules)


def _single(kind: Any, rules: Rules) -> Values:
    makers: list[tuple[type, Callable[[], Strategy]]] = [
        (Section, lambda: section(kind)),
        (Enum, lambda: st.sampled_from([member.value for member in kind])),
        (bool, st.booleans),
        (int, lambda: _whole(rules)),
        (SecretStr, lambda: st.just({"secure": "v1:bm90aGluZw==:bm90aGluZw=="})),
        (str, lambda: _texts(rules)),
    ]
    good = next((make() for base, make in makers if issubclass(kind, base)), None)
    assert good is not None, f"nothing here makes values of {kind}: add it"
    broken = _broken(kind, rules)
    bad = _nearly(good) | broken if issubclass(kind, str) else broken
    bounds = [bound for bound in (rules.low, rules.high) if bound is not None]
    edges = bounds or _longest(rules) if issubclass(kind, int | str) else []
    return Values(good, bad, st.sampled_from(edges) if edges else good)


@st.composite
def _nearly(draw: st.DrawFn, good: Strategy) -> str:
    """A good text with one character too many, or another one: most of all what only looks right."""
    text, odd = draw(good), draw(st.sampled_from([*" \n\t.:/@-_A0$,", "٣", "é", "ſ", "\u200b", "..", "//"]))
    place = draw(st.integers(0, len(text)))
    return text[:place] + odd + text[place + draw(st.integers(0, 1)) :]


def section(group: type[Section]) -> Strategy:
    """Groups with every key that must be there, and some of the others."""
    required = {alias(name, field): of_field(field).good for name, field in group.model_fields.items()}
    optional = {alias(name, field) for name, field in group.model_fields.items() if not field.is_required()}
    return st.fixed_dictionaries(
        {key: value for key, value in required.items() if key not in optional},
        optional={key: value for key, value in required.items() if key in optional},
    )


def alias(name: str, field: FieldInfo) -> str:
    """The key of a field in a stack file."""
    return field.alias or name


def _broken(kind: Any, rules: Rules) -> Strategy:
    near: list[Any] = []
    if rules.low is not None and rules.high is not None:
        near += [rules.low - 1, rules.high + 1, str(rules.low), rules.low + 0.5, float(rules.low)]
    if issubclass(kind, Enum):
        near += [next(iter(kind)).value.upper(), next(iter(kind)).name]
    if issubclass(kind, str):
        near += WORDS[:4] + [word + "\n" for word in WORDS[:2]]
    return st.sampled_from([*near, *_ODD])


def _whole(rules: Rules) -> Strategy:
    low, high = rules.low or 0, 10**6 if rules.high is None else rules.high
    # Shrinks to the least; both bounds often, because that is where comparisons are wrong.
    return st.sampled_from([low, high, low + 1]) | st.integers(low, high)


def _lists(items: Values, rules: Rules) -> Values:
    few = st.lists(items.good, min_size=rules.length, max_size=3)
    twice = items.good.map(lambda item: [item, item])
    broken = st.lists(items.bad, min_size=1, max_size=2) | twice | st.sampled_from(_ODD)
    edge = st.lists(items.edge, min_size=max(1, rules.length), max_size=2)
    return Values(st.one_of(few, few, few, few, twice), broken, edge)


def _mappings(keys: Values, items: Values) -> Values:
    few = st.dictionaries(keys.good.filter(lambda key: isinstance(key, str)), items.good, max_size=3)
    names = keys.bad.filter(lambda key: isinstance(key, str))
    broken = st.dictionaries(names, items.good, min_size=1, max_size=2)
    edge = st.dictionaries(keys.edge | keys.good, items.edge, min_size=1, max_size=2)
    wrong = st.dictionaries(keys.good, items.bad, min_size=1, max_size=2)
    return Values(few, broken | wrong | st.sampled_from(_ODD), edge)


def _longest(rules: Rules) -> list[str]:
    """The longest and the shortest text of a form; the longest first and twice, because that is where it breaks."""
    if rules.pattern is None:
        return []
    shapes = [start + "a" * length for start in ("", "/") for length in _LENGTHS]
    fitting = sorted((text for text in shapes if re.search(rules.pattern, text)), key=len)
    return [fitting[-1], fitting[-1], fitting[0]] if fitting else []


def _texts(rules: Rules) -> Strategy:
    if rules.validator is not None:
        assert rules.validator in CHECKED, f"nothing here makes what {rules.validator} lets through: add it"
        return CHECKED[rules.validator]
    pattern = rules.pattern
    if pattern is None:
        usual = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
        odd = [text for text in _ODD if isinstance(text, str) and len(text) >= rules.length]
        return st.sampled_from(WORDS) | usual.filter(lambda text: len(text) >= rules.length) | st.sampled_from(odd)
    # The longest that fit, and those that mean something elsewhere, are where names collide or run over.
    long = [*("a" * length for length in _LENGTHS), *("/" + "a" * length for length in _LENGTHS)]
    known = [[text for text in texts if re.search(pattern, text)] for texts in (PLAIN, WORDS, long)]
    drawn = st.from_regex(re.compile(pattern), fullmatch=True).filter(lambda text: not text.endswith("\n"))
    return st.one_of(*(st.sampled_from(texts) for texts in known if texts), drawn)


def _words() -> list[str]:
    """Names that mean something to the program: of settings, variables and components, in every spelling."""
    snake = [re.sub(r"(?<=[a-z])(?=[A-Z])", "_", key) for key in SECRET_KEYS]
    variables = {name for contract in CONTRACTS.values() for names in contract.names.values() for name in names}
    groups = [alias(name, field) for name, field in Settings.model_fields.items()]
    spelled = [word for key in snake for word in (key.upper(), key.lower(), key.lower().replace("_", "-"))]
    return [*sorted(variables), *spelled, *groups, "clients", "nodes", "default", "kube-system"]


PLAIN = ["a", "A", "A_B", "a_b", "_a", "/a", "/tmp"]
WORDS = _words()


def _hex(length: int) -> Strategy:
    return st.text(HEX, min_size=length, max_size=length)


def _with_unit(*units: str, most: int) -> Strategy:
    return st.builds("{}{}".format, st.sampled_from([1, most]) | st.integers(1, most), st.sampled_from(units))


def _networks() -> Strategy:
    four = st.builds(lambda net, bits: (net >> (32 - bits)) << (32 - bits), st.integers(0, 2**32 - 1), st.just(24))
    drawn = four.map(lambda net: ".".join(str(net >> shift & 255) for shift in (24, 16, 8, 0)) + "/24")
    known = ["0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/16", "10.1.2.3/32", "10.1.2.3", "::/0", "fd00::/8", "fd00::1/128"]
    return st.one_of(st.sampled_from(known[:4]), st.sampled_from(known[:4]), st.sampled_from(known), drawn)


_DIGESTS = _hex(64).map("sha256:{}".format)
_REPOSITORIES = st.sampled_from(["r.example.com/a", "localhost:30500/pxl/app", "r/" + "a" * 200, "a-b.c:5/x_y/z__w/v"])
_ENGINES_MOMENTS = ["2020-01-31 12:00:00 +0000 UTC", "2020-01-31 12:00:00 +0200 +0200"]
_PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"

CHECKED: dict[str, Strategy] = {
    "_digest": _DIGESTS,
    "_image": st.builds("{}@{}".format, _REPOSITORIES, _DIGESTS),
    "_repository": _REPOSITORIES,
    "_cidr": _networks(),
    "_cpu": _with_unit("m", most=999999)
    | _with_unit("", most=999)
    | st.sampled_from(["0.001", "0.5", "999.999", "1.0"]),
    "_bytes": _with_unit("Ki", "Mi", most=9999999) | _with_unit("Gi", "Ti", most=1024),
    "_memory": st.sampled_from(["32Mi", "32768Ki", "1024Ti"]) | st.integers(32, 9999999).map("{}Mi".format),
    "_http_path": st.sampled_from(["/", "/ready", "/a//b/../c", "/größe"])
    | st.from_regex(r"/[\w\-./]{0,60}", fullmatch=True),
    "_certificates": st.sampled_from([_PEM, _PEM * 2, "# root\n" + _PEM, _PEM.strip(), _PEM.replace("\n", "\r\n")]),
    # What is to come is refused: nothing can have been healthy since.
    "_moment": st.datetimes(max_value=datetime(2025, 1, 1)).map(lambda when: f"{when.isoformat(timespec='seconds')}Z")
    | st.sampled_from(["2020-01-31T12:00:00.5+02:00", *_ENGINES_MOMENTS]),
    "_concept": st.sampled_from(CONCEPTS),
}  # fmt: skip
"""What a validator of ``infra/settings/values.py`` lets through, by its name."""
