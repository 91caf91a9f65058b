"""What a certificate in the cloud says to a browser: for which names, and until when."""

from functools import lru_cache

from cryptography import x509

from glbc.plan.answer import Facts


@lru_cache(maxsize=4096)
def read(pem: str) -> Facts:
    """Return what the first certificate of a chain says; nothing when it cannot be read."""
    try:
        leaf = x509.load_pem_x509_certificates(pem.encode())[0]
        ends = leaf.not_valid_after_utc.timestamp()
        try:
            names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
            told = names.get_values_for_type(x509.DNSName)
        except x509.ExtensionNotFound:
            told = []
    except (ValueError, IndexError):
        return Facts()
    return Facts(names=tuple(told), expires=ends)
