"""The authorities that sign RDS's certificates in a region, as AWS publishes them."""

import urllib.error
import urllib.request

from pydantic import TypeAdapter, ValidationError

from infra.settings.values import Certificates
from operations.errors import Problem

_URLS = {
    "aws": "https://truststore.pki.rds.amazonaws.com/{region}/{region}-bundle.pem",
    "aws-us-gov": "https://truststore.pki.{region}.rds.amazonaws.com/{region}/{region}-bundle.pem",
    "aws-cn": "https://rds-truststore.s3.cn-north-1.amazonaws.com.cn/{region}/{region}-bundle.pem",
}
_SECONDS = 20
# A region's bundle has some ten certificates. A ConfigMap takes 1 MiB.
_MOST_BYTES = 200_000


def address(region: str, partition: str) -> str:
    """Where AWS publishes them."""
    return _URLS.get(partition, _URLS["aws"]).format(region=region)


def fetch(url: str, stack: str) -> str:
    """Downloads them, and refuses whatever is not PEM of certificates only.

    Args:
        url: Where.
        stack: For the advice.

    Raises:
        Problem: They cannot be had, or are something else.
    """
    by_hand = (
        f"where it can be reached: curl -fsSO {url}; then put its text under pxl:postgres.ca "
        f"(ca: | and the text, indented) and run 'pxlctl init {stack} --skip-ca'"
    )
    if not url.startswith(("https://", "http://127.0.0.1:")):
        raise Problem("certificates are fetched over https only", where=url, remedy="name such an address")
    try:
        with urllib.request.urlopen(url, timeout=_SECONDS) as answer:
            text = answer.read(_MOST_BYTES + 1).decode("ascii")
    except (OSError, urllib.error.URLError, UnicodeDecodeError, ValueError) as error:
        why = str(getattr(error, "reason", error))
        raise Problem("the authorities of RDS cannot be fetched", where=url, why=why, remedy=by_hand) from error
    if len(text) > _MOST_BYTES:
        raise Problem("what came is too long for a bundle of certificates", where=url, remedy=by_hand)
    try:
        return TypeAdapter(Certificates).validate_python(text)
    except ValidationError as error:
        why = f"it {error.errors()[0]['msg']}"
        raise Problem("what came are no certificates", where=url, why=why, remedy=by_hand) from error
