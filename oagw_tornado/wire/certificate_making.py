"""Creates keys and certificates with the library `cryptography`. Imported only when one has to be created."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from socket import gethostname
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

#: Validity in days. Browsers reject server certificates that are valid for more than 398 days.
AUTHORITY_DAYS, SERVER_DAYS = 3650, 397
#: The host of a certificate that is to be for another one.
WRONG_HOST = "wrong.host.invalid"
# A certificate for a client can be had in the same way, to try --tls-client-ca with.
_USES = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]


class Made(NamedTuple):
    """A certificate and its key in PEM, and when it ends (Unix time)."""

    certificate: bytes
    key: bytes
    ends: float


def make_authority() -> Made:
    """An authority of this user on this machine."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name(f"oagw-tornado development CA ({gethostname()[:30]})")
    builder = _builder(name, name, key, AUTHORITY_DAYS).add_extension(x509.BasicConstraints(True, 0), critical=True)
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    return _signed(builder.add_extension(usage, critical=True), key, key, None)


def make_certificate(authority: bytes, authority_key: bytes, hosts: list[str], fault: str = "") -> Made:
    """A server's certificate for `hosts`, signed by the authority; `fault` is one of the listener's."""
    issuer = x509.load_pem_x509_certificate(authority)
    issuer_key = load_pem_private_key(authority_key, None)
    assert isinstance(issuer_key, ec.EllipticCurvePrivateKey)
    key = ec.generate_private_key(ec.SECP256R1())
    names = [WRONG_HOST] if fault == "wrong-host" else hosts
    subject = _name(names[0])
    is_own = fault == "self-signed"
    builder = _builder(subject, subject if is_own else issuer.subject, key, SERVER_DAYS, fault == "expired")
    builder = (
        builder.add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(False, None), critical=True)
        .add_extension(x509.ExtendedKeyUsage(_USES), critical=False)
    )
    made = _signed(builder, key, key if is_own else issuer_key, None if is_own else issuer)
    # One that has expired on purpose is as good as one that has not.
    return made._replace(ends=(datetime.now(UTC) + timedelta(SERVER_DAYS)).timestamp())


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, days: int, is_over: bool = False
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    ends = now - timedelta(days=1) if is_over else now + timedelta(days)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        # Clocks differ a little, also on one network.
        .not_valid_before((ends if is_over else now) - timedelta(days=1))
        .not_valid_after(ends)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _signed(
    builder: x509.CertificateBuilder,
    key: ec.EllipticCurvePrivateKey,
    issuer_key: ec.EllipticCurvePrivateKey,
    issuer: x509.Certificate | None,
) -> Made:
    builder = builder.add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False
    )
    certificate = builder.sign(issuer_key, SHA256())
    own = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    ends = certificate.not_valid_after_utc.timestamp()
    return Made(certificate.public_bytes(Encoding.PEM), own, ends)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text[:64])])


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)
