"""Images are digests."""

import pytest
from pulumi_recording import DIGEST
from pxl_components import ImageReference


def test_a_digest_is_split_into_its_parts():
    image = ImageReference.parse(f"localhost:30500/pxl/app@{DIGEST}")
    assert (image.repository, image.digest) == ("localhost:30500/pxl/app", DIGEST)
    assert image.short == "ab12ab12ab12", "logical names are made of 12 digits, without the algorithm"
    assert str(image) == f"localhost:30500/pxl/app@{DIGEST}", "what went in comes out"


@pytest.mark.parametrize("repository", ["app", "pxl/app", "docker.io/library/postgres", "127.0.0.1:5000/a/b_c-d.e"])
def test_every_form_of_repository_is_taken(repository: str):
    assert ImageReference.parse(f"{repository}@{DIGEST}").repository == repository


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("ghcr.io/pxl/app:latest", "the tag 'latest' can move"),
        ("ghcr.io/pxl/app:1.2.3", "the tag '1.2.3' can move"),
        ("localhost:5000/pxl/app", "it has no digest"),
        (f"ghcr.io/pxl/app:1.2.3@{DIGEST}", "a tag beside its digest"),
        ("ghcr.io/pxl/app@sha256:abc", "malformed digest"),
        (f"ghcr.io/pxl/app@{DIGEST.upper()}", "malformed digest"),
        (f"ghcr.io/pxl/app@{DIGEST}0", "malformed digest"),
        (f"GHCR.io/PXL/App@{DIGEST}", "malformed repository"),
        (f"@{DIGEST}", "malformed repository"),
        ("", "is not an image reference"),
        (None, "is not an image reference"),
        (7, "is not an image reference"),
    ],
)
def test_whatever_could_point_elsewhere_tomorrow_is_refused(text: object, reason: str):
    with pytest.raises(ValueError, match="repository@sha256") as caught:
        ImageReference.parse(text)
    assert reason in str(caught.value), "the message says what is wrong with it"
