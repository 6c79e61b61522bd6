"""The node's certificates: a CA for the cluster, one for the aggregation layer, an identity for each part."""

import datetime
import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from local.node.layout import API_SERVICE_IP, NODE_IP, NODE_NAME
from local.paths import write

_CA_DAYS = 3650
_LEAF_DAYS = 365
_RENEW_BEFORE_DAYS = 30
_API_NAMES = (
    "localhost",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
)


@dataclass(frozen=True)
class Identity:
    """Who a certificate speaks for.

    Args:
        name: The file's name.
        common_name: The user's name, for Kubernetes.
        organization: The user's group, for Kubernetes.
        names: DNS names of a server.
        addresses: IP addresses of a server.
        issuer: The file's name of the CA that signs it; its own for a CA.
    """

    name: str
    common_name: str
    organization: str | None = None
    names: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    issuer: str = "ca"

    @property
    def is_authority(self) -> bool:
        """Whether it signs others."""
        return self.issuer == self.name

    @property
    def subject(self) -> x509.Name:
        """The certificate's subject."""
        parts = [x509.NameAttribute(NameOID.COMMON_NAME, self.common_name)]
        if self.organization:
            parts.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, self.organization))
        return x509.Name(parts)

    @property
    def alternatives(self) -> list[x509.GeneralName]:
        """The certificate's alternative names; none for a client."""
        addresses = [x509.IPAddress(ipaddress.ip_address(address)) for address in self.addresses]
        return [*map(x509.DNSName, self.names), *addresses]


IDENTITIES = (
    Identity("ca", "pxl ca"),
    Identity("front-proxy-ca", "pxl front-proxy-ca", issuer="front-proxy-ca"),
    Identity("apiserver", "kube-apiserver", names=_API_NAMES, addresses=("127.0.0.1", API_SERVICE_IP, NODE_IP)),
    Identity("apiserver-kubelet-client", "kube-apiserver-kubelet-client"),
    Identity("front-proxy-client", "front-proxy-client", issuer="front-proxy-ca"),
    Identity("admin", "pxl-admin", organization="system:masters"),
    Identity("controller-manager", "system:kube-controller-manager"),
    Identity("scheduler", "system:kube-scheduler"),
    Identity("kubelet", f"system:node:{NODE_NAME}", organization="system:nodes"),
    Identity("kubelet-server", NODE_NAME, names=(NODE_NAME,), addresses=(NODE_IP,)),
    Identity("proxy", "system:kube-proxy"),
    Identity("policies", "pxl:network-policies"),
)


def ensure(folder: Path) -> None:
    """Makes what is missing, damaged or about to end in a folder of certificates; leaves the rest alone.

    For each name there is ``<name>.crt`` and ``<name>.key`` (PEM, mode 0600), and ``sa.key``/``sa.pub`` sign
    the tokens of service accounts.
    """
    for identity in IDENTITIES:
        _ensure(folder, identity)
    _ensure_token_key(folder)


def ends_soon(certificate: x509.Certificate, now: datetime.datetime | None = None) -> bool:
    """Whether a certificate has less than 30 days left."""
    now = now or datetime.datetime.now(datetime.UTC)
    return certificate.not_valid_after_utc - now < datetime.timedelta(days=_RENEW_BEFORE_DAYS)


def _ensure(folder: Path, identity: Identity) -> None:
    found, authority = _read(folder, identity.name), _read(folder, identity.issuer)
    if found and authority and _serves(found[0], identity, authority[0]) and not ends_soon(found[0]):
        return
    key = ec.generate_private_key(ec.SECP256R1())
    if identity.is_authority:
        signer, issuer, days = key, identity.subject, _CA_DAYS
    else:
        assert authority is not None, "an authority is made before what it signs"
        signer, issuer, days = authority[1], authority[0].subject, _LEAF_DAYS
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(identity.subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        # Clocks of virtual machines jump back after a suspend.
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=days))
    )
    for extension, critical in _extensions(identity, key, signer):
        certificate = certificate.add_extension(extension, critical)
    write(folder / f"{identity.name}.key", _pem(key))
    signed = certificate.sign(signer, hashes.SHA256())
    write(folder / f"{identity.name}.crt", signed.public_bytes(serialization.Encoding.PEM))


def _extensions(
    identity: Identity, key: ec.EllipticCurvePrivateKey, signer: ec.EllipticCurvePrivateKey
) -> Iterator[tuple[x509.ExtensionType, bool]]:
    """What a certificate may be used for, and whether whoever does not understand that must refuse it."""
    is_authority = identity.is_authority
    yield x509.BasicConstraints(ca=is_authority, path_length=0 if is_authority else None), True
    unused = dict.fromkeys(("content_commitment", "key_encipherment", "data_encipherment", "key_agreement"), False)
    signs = {"digital_signature": not is_authority, "key_cert_sign": is_authority, "crl_sign": is_authority}
    yield x509.KeyUsage(**unused, **signs, encipher_only=False, decipher_only=False), True
    if is_authority:
        yield x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False
        return
    purpose = ExtendedKeyUsageOID.SERVER_AUTH if identity.alternatives else ExtendedKeyUsageOID.CLIENT_AUTH
    yield x509.ExtendedKeyUsage([purpose]), False
    yield x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), False
    if identity.alternatives:
        yield x509.SubjectAlternativeName(identity.alternatives), False


def _ensure_token_key(folder: Path) -> None:
    private, public = folder / "sa.key", folder / "sa.pub"
    try:
        key = serialization.load_pem_private_key(private.read_bytes(), None)
    except (OSError, ValueError):
        key = ec.generate_private_key(ec.SECP256R1())
        write(private, _pem(key))
    encoding, shape = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    write(public, key.public_key().public_bytes(encoding, shape))


def _serves(certificate: x509.Certificate, identity: Identity, authority: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        alternatives = list(extension.value)
    except x509.ExtensionNotFound:
        alternatives = []
    return certificate.subject == identity.subject and alternatives == identity.alternatives


def _read(folder: Path, name: str) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None:
    """A certificate with its key, or None when either is missing, unreadable or not the other's."""
    try:
        certificate = x509.load_pem_x509_certificate((folder / f"{name}.crt").read_bytes())
        key = serialization.load_pem_private_key((folder / f"{name}.key").read_bytes(), None)
    except (OSError, ValueError):
        return None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        return None
    return certificate, key


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    shape = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, shape, serialization.NoEncryption())
