"""The authority that signs the certificates of a rehearsal's stores, as Amazon's do for the managed ones."""

import datetime
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from local.paths import write

_YEARS = 5
_DAY = datetime.timedelta(days=1)


@dataclass(frozen=True)
class Authority:
    """A certificate that is trusted, and the key that it signs with."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> str:
        """The certificate, as clients trust it."""
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    def sign(self, host: str) -> tuple[str, str]:
        """Certificate and key of a server, as PEM.

        Args:
            host: The name that clients verify.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        # The name alone: that of a long endpoint would be too long for a subject.
        made = (
            _builder(x509.Name([]), self.certificate.subject, key)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .sign(self.key, hashes.SHA256())
        )
        return made.public_bytes(serialization.Encoding.PEM).decode(), _pem(key)


def ensure(folder: Path) -> Authority:
    """The authority that is kept in a folder, drawn once."""
    certificate, key = folder / "ca.crt", folder / "ca.key"
    if not (certificate.is_file() and key.is_file()):
        drawn = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "rehearsal of Amazon's authorities")])
        made = (
            _builder(name, name, drawn)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(drawn, hashes.SHA256())
        )
        write(key, _pem(drawn))
        write(certificate, made.public_bytes(serialization.Encoding.PEM))
    loaded = serialization.load_pem_private_key(key.read_bytes(), None)
    assert isinstance(loaded, ec.EllipticCurvePrivateKey)
    return Authority(x509.load_pem_x509_certificate(certificate.read_bytes()), loaded)


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _DAY)
        .not_valid_after(now + 365 * _YEARS * _DAY)
    )


def _pem(key: ec.EllipticCurvePrivateKey) -> str:
    plain = serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain).decode()
