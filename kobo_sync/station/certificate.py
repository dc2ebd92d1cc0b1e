"""A certificate that the station makes itself: an authority that phones may trust once, and what it vouches for.

The authority is limited to addresses of private networks and to this machine's names: installed on a phone it can
speak for no site of the Internet, whoever gets hold of its key.
"""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY_LIFE = timedelta(days=3650)
CERTIFICATE_LIFE = timedelta(days=397)  # browsers refuse longer ones
RENEWED_BEFORE = timedelta(days=30)
CLOCK_SKEW = timedelta(days=2)  # phones' clocks
_PRIVATE = (
    "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "127.0.0.0/8", "::1/128", "fc00::/7", "fe80::/10",
)  # fmt: skip
_LOCAL_NAMES = ("localhost", "local", "lan", "home.arpa", "internal")


_END_OF_KEY = b"-----END PRIVATE KEY-----\n"


@dataclass(frozen=True)
class Credential:
    """A certificate and its private key, both as PEM; *chain* is the authority's certificate, for those who ask."""

    certificate: bytes
    key: bytes = field(repr=False)
    chain: bytes = b""

    @classmethod
    def read(cls, pem: bytes) -> Credential:
        """What `pem` gave. Raises: ValueError when that is no key with its certificate."""
        key, end, rest = pem.partition(_END_OF_KEY)
        certificate, *chain = x509.load_pem_x509_certificates(rest)
        if load_pem_private_key(key + end, None).public_key() != certificate.public_key():
            raise ValueError("the key is another certificate's")
        return cls(
            certificate.public_bytes(Encoding.PEM), key + end, b"".join(c.public_bytes(Encoding.PEM) for c in chain)
        )

    @property
    def pem(self) -> bytes:
        """Key, certificate and chain in one, as `server_context` reads it from a file."""
        return self.key + self.certificate + self.chain

    @property
    def x509(self) -> x509.Certificate:
        """The certificate, read."""
        return x509.load_pem_x509_certificate(self.certificate)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate as browsers show it: ``AB:CD:…``, 32 bytes."""
        digest = sha256(self.x509.public_bytes(Encoding.DER)).hexdigest().upper()
        return ":".join(digest[n : n + 2] for n in range(0, len(digest), 2))


def new_authority(name: str, now: datetime) -> Credential:
    """An authority for private addresses alone; *name* is how phones list it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])
    constraints = x509.NameConstraints(
        [
            *(x509.DNSName(name) for name in _LOCAL_NAMES),
            *(x509.IPAddress(ipaddress.ip_network(net)) for net in _PRIVATE),
        ],
        None,
    )
    usage = x509.KeyUsage(
        key_cert_sign=True, crl_sign=True, digital_signature=False, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now + AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(constraints, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return _credential(certificate, key)


def new_certificate(authority: Credential, addresses: Sequence[str], now: datetime) -> Credential:
    """A server's certificate for *addresses*: names and IP addresses that the authority may vouch for; others are left out."""
    key = ec.generate_private_key(ec.SECP256R1())
    issuer_key = load_pem_private_key(authority.key, None)
    assert isinstance(issuer_key, ec.EllipticCurvePrivateKey)
    names = [_general_name(address) for address in addresses if may_vouch_for(address)]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kobo-sync station")]))
        .issuer_name(authority.x509.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now - CLOCK_SKEW + CERTIFICATE_LIFE)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.x509.public_key()),  # type: ignore[arg-type]
            critical=False,
        )
        .sign(issuer_key, hashes.SHA256())
    )
    return _credential(certificate, key, authority.certificate)


def is_good_for(certificate: Credential, authority: Credential, addresses: Collection[str], now: datetime) -> bool:
    """Whether *authority* signed it, it names all *addresses* that it may name, and it lasts for some weeks."""
    try:
        certificate.x509.verify_directly_issued_by(authority.x509)
        names = certificate.x509.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (InvalidSignature, ValueError, TypeError, x509.ExtensionNotFound):
        return False
    wished = {_general_name(address) for address in addresses if may_vouch_for(address)}
    lasts = certificate.x509.not_valid_before_utc <= now <= certificate.x509.not_valid_after_utc - RENEWED_BEFORE
    return lasts and wished <= set(names)


def is_lasting(authority: Credential, now: datetime) -> bool:
    """Whether an authority can still vouch for a certificate's whole life."""
    return now + CERTIFICATE_LIFE < authority.x509.not_valid_after_utc


def server_context(credential: Path) -> ssl.SSLContext:
    """What `serve` needs, of a file with a `Credential.pem`. Raises: OSError, ssl.SSLError."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # Android 5 speaks it
    context.load_cert_chain(credential)
    return context


def _credential(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey, chain: bytes = b"") -> Credential:
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return Credential(certificate.public_bytes(Encoding.PEM), pem, chain)


def may_vouch_for(address: str) -> bool:
    """Whether the authority may vouch for it."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return any(address == name or address.endswith(f".{name}") for name in _LOCAL_NAMES)
    return any(ip in ipaddress.ip_network(net) for net in _PRIVATE)


def _general_name(address: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(address))
    except ValueError:
        return x509.DNSName(address)
