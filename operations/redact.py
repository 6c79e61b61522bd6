"""Takes secrets out of text that people are about to read: log lines, probe answers, engine output.

A pattern cannot know every secret. It catches the shapes in which they usually leak, and errs on the side of
hiding too much. Where the values themselves are known, ``concealer`` hides them whatever is around them.
"""

import base64
import json
import re
from collections.abc import Callable, Iterable, Iterator
from urllib.parse import quote, quote_plus

HIDDEN = "[redacted]"

_NAMES = (
    r"(?:[\w.\-]*(?:pass(?:word|wd|phrase)?|secret|token|api[_\-]?key|access[_\-]?key|private[_\-]?key"
    r"|credential|cookie|authorization)[\w\-]*)"
)
_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    # Whole keys and tokens, by their own shape.
    (
        re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.S),
        HIDDEN,
    ),
    (re.compile(r"\beyJ[\w\-]+\.[\w\-]+\.[\w\-]*"), HIDDEN),
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"), HIDDEN),
    # postgres://user:pass@host, redis://:pass@host
    (re.compile(r"(\b[a-z][a-z0-9+.\-]*://[^\s:/@\"']*:)[^\s@\"']+(@)", re.I), rf"\1{HIDDEN}\2"),
    (re.compile(r"\b(Bearer|Basic)\s+[\w\-.~+/=]{4,}", re.I), rf"\1 {HIDDEN}"),
    # "password": "x" as JSON writes it, also escaped inside a string; numbers too, but no truth values.
    (
        re.compile(
            rf"(\\?[\"']{_NAMES}\\?[\"']\s*:\s*)"
            r"(?:\\?[\"'](?:[^\"'\\]|\\(?![\"']).)*\\?[\"']|(?!true|false|null)[^\s,}\]\"'\[{\\]+)",
            re.I,
        ),
        rf'\1"{HIDDEN}"',
    ),
    # password=x, password: x
    (
        re.compile(
            rf"(\b{_NAMES}\s*[=:]\s*)(?![\"']?\[redacted\])"
            r"(?:\"[^\"]*\"|'[^']*'|(?!Bearer |Basic )[^\s,;&\"']+)",
            re.I,
        ),
        rf"\1{HIDDEN}",
    ),
)
_COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")


# A shorter value is as likely a word of the message.
SHORTEST = 6


def concealer(values: Iterable[str]) -> Callable[[str], str]:
    """A function that hides these values in a text, in every form in which a program prints them.

    As they are, escaped as in JSON or JavaScript, in a URL, as hexadecimal digits, and in base64, there also within
    something longer. Values of less than 6 characters are left alone.
    """
    forms = {form for value in values if len(value) >= SHORTEST for form in _forms(value)}
    if not forms:
        return lambda text: text
    # The longest first: one value may be the beginning of another.
    pattern = re.compile("|".join(map(re.escape, sorted(forms, key=len, reverse=True))))
    return lambda text: pattern.sub(HIDDEN, text)


def _forms(value: str) -> Iterator[str]:
    data = value.encode(errors="surrogateescape")
    yield from (value, json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1])
    yield from (value.replace("\\", "\\\\"), value.replace("\\", "\\\\").replace("'", "\\'"))
    for safe in ("", "/", "!'()*", "!'()*/"):
        yield from (quote(value, safe, errors="surrogateescape"), quote_plus(value, safe, errors="surrogateescape"))
    yield from (data.hex(), data.hex().upper())
    for shift in range(3):
        within = base64.b64encode(b"\0" * shift + data).decode().rstrip("=")
        # The characters at both ends hold bits of what is around.
        kept = within[(shift * 8 + 5) // 6 : (shift + len(data)) * 8 // 6]
        yield from (kept, kept.replace("+", "-").replace("/", "_"))


def redact(text: str) -> str:
    """The text without what looks like a secret, and without terminal control sequences.

    Catches ``password=…`` and its kin, JSON fields of such names, ``Bearer …``, user information in URLs,
    JSON Web Tokens, AWS access keys and PEM private keys.
    """
    text = _COLOURS.sub("", text)
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text
