"""The node's certificates are made once, and made again when they no longer serve."""

import datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from local.node import pki


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def certificate(folder: Path, name: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate((folder / f"{name}.crt").read_bytes())


def changed(before: dict[str, bytes], folder: Path) -> set[str]:
    return {name for name, content in contents(folder).items() if before.get(name) != content}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    pki.ensure(tmp_path)
    return tmp_path


def test_everything_is_private_to_the_user(folder: Path) -> None:
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


def test_a_second_run_changes_nothing(folder: Path) -> None:
    before = contents(folder)
    pki.ensure(folder)
    assert changed(before, folder) == set(), "a changed certificate restarts the node"


def test_each_part_has_an_identity_of_its_own(folder: Path) -> None:
    subjects = [certificate(folder, each.name).subject for each in pki.IDENTITIES]
    assert len(set(subjects)) == len(subjects)
    administrators = [
        subject
        for subject in subjects
        if any(part.value == "system:masters" for part in subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME))
    ]
    assert len(administrators) == 1, "only the administrator's kubeconfig may do everything"


def test_a_certificate_that_ends_soon_is_made_again_and_no_other(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("admin.crt", "admin.key"):
        (folder / name).unlink()
    with monkeypatch.context() as patch:
        patch.setattr(pki, "_LEAF_DAYS", 20)
        pki.ensure(folder)
    before = contents(folder)
    pki.ensure(folder)
    assert changed(before, folder) == {"admin.crt", "admin.key"}
    left = certificate(folder, "admin").not_valid_after_utc - datetime.datetime.now(datetime.UTC)
    assert left > datetime.timedelta(days=300)


@pytest.mark.parametrize("damage", [b"", b"-----BEGIN PRIVATE KEY-----\nnonsense\n-----END PRIVATE KEY-----\n"])
def test_a_damaged_key_is_made_again_with_its_certificate(damage: bytes, folder: Path) -> None:
    (folder / "proxy.key").write_bytes(damage)
    before = contents(folder)
    pki.ensure(folder)
    assert changed(before, folder) == {"proxy.crt", "proxy.key"}


def test_a_key_of_another_certificate_is_noticed(folder: Path) -> None:
    (folder / "proxy.key").write_bytes((folder / "scheduler.key").read_bytes())
    before = contents(folder)
    pki.ensure(folder)
    assert changed(before, folder) == {"proxy.crt", "proxy.key"}


def test_a_lost_authority_takes_with_it_what_it_signed_but_not_the_keys_of_tokens(folder: Path) -> None:
    (folder / "ca.key").unlink()
    before = contents(folder)
    pki.ensure(folder)
    kept = set(before) - changed(before, folder)
    assert kept == {
        *("sa.key", "sa.pub", "front-proxy-ca.crt", "front-proxy-ca.key"),
        *("front-proxy-client.crt", "front-proxy-client.key"),
    }


def test_the_api_servers_certificate_names_every_address_it_is_reached_at(folder: Path) -> None:
    extension = certificate(folder, "apiserver").extensions.get_extension_for_class(x509.SubjectAlternativeName)
    addresses = {str(each) for each in extension.value.get_values_for_type(x509.IPAddress)}
    assert {"127.0.0.1", "10.96.0.1"} <= addresses, "the host and the pods reach it at different addresses"
