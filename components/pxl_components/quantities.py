"""Kubernetes quantities: ``250m``, ``1.5``, ``256Mi``, ``2G``."""

import re
from decimal import Decimal

_FORM = re.compile(r"([0-9]+(?:\.[0-9]+)?)(m|k|M|G|T|Ki|Mi|Gi|Ti)?")
_FACTORS = {
    "": Decimal(1),
    "m": Decimal("0.001"),
    **{unit: Decimal(1000) ** power for power, unit in enumerate(("k", "M", "G", "T"), start=1)},
    **{unit: Decimal(1024) ** power for power, unit in enumerate(("Ki", "Mi", "Gi", "Ti"), start=1)},
}


def parse(text: str) -> Decimal:
    """The number that a quantity stands for: cores or bytes.

    Raises:
        ValueError: malformed, or not above zero.
    """
    found = _FORM.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is not a Kubernetes quantity")
    value = Decimal(found.group(1)) * _FACTORS[found.group(2) or ""]
    if value <= 0:
        raise ValueError(f"{text!r} is not above zero")
    return value
