"""Takes secrets out of text that people are about to read: log lines, probe answers, engine output.

A pattern cannot know every secret. It catches the shapes in which they usually leak, and errs on the side of
hiding too much.
"""

import re

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


def redact(text: str) -> str:
    """The text without what looks like a secret, and without terminal control sequences.

    Catches ``password=…`` and its kin, JSON fields of such names, ``Bearer …``, user information in URLs,
    JSON Web Tokens, AWS access keys and PEM private keys.
    """
    text = _COLOURS.sub("", text)
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text
