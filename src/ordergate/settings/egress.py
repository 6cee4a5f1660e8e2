"""Reads the keys ``proxy``, ``ca_file`` and ``client_cert`` of an account and of ``[webhooks]``."""

import ssl
from collections.abc import Collection, Mapping
from functools import partial
from hashlib import sha256
from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from ordergate.domain.errors import FieldError
from ordergate.gateway.accounts.egress import Egress
from ordergate.host.certificates import VARIABLES, default_context
from ordergate.settings.secrets import NOT_IN_THE_FILE, References
from ordergate.spi.secret import Secret

_MAX_BYTES = 4 * 2**20
"""Largest file with certificates; all public authorities together need less than a tenth of it."""

_CA, _CERT, _KEY = "/ca_file", "/client_cert/cert_file", "/client_cert/key_file"
_PASSWORD = "/client_cert/key_password"  # noqa: S105 - a pointer into the document
_PROXY = "A proxy has the form http://HOST:PORT. It receives CONNECT requests; the tunnelled traffic stays encrypted."

_AUTHORITIES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_IGNORED = {
    **dict.fromkeys(("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"), 'set proxy = {{ env = "{}" }}'),
    "NO_PROXY": "leave out proxy",
    **dict.fromkeys(_AUTHORITIES, "set ca_file"),
}
"""Variables that configure a proxy or authorities for other programs, and the ordergate key for the same purpose."""

_Path = Annotated[str, Meta(min_length=1)]


class ClientCertSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``client_cert``: the certificate for servers that request one; all files are PEM."""

    cert_file: _Path
    key_file: _Path | None = None
    key_password: str | None = None


class EgressSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Proxy and TLS settings of outgoing connections; an account and ``[webhooks]`` share these keys."""

    proxy: str | None = None
    ca_file: _Path | None = None
    client_cert: ClientCertSettings | None = None


def with_egress_secrets(
    table: Mapping[str, Any], references: References
) -> tuple[dict[str, Any], list[FieldError]]:
    """Replace the references to a proxy URL and to the password of a private key by their values."""
    resolved = dict(table)
    places = [(resolved, "proxy", "/proxy")]
    if isinstance(certificate := table.get("client_cert"), dict):
        resolved["client_cert"] = dict(certificate)
        places.append((resolved["client_cert"], "key_password", _PASSWORD))
    errors = []
    for owner, key, pointer in places:
        try:
            if isinstance(owner.get(key), dict):
                owner[key] = references.value(owner[key])
                continue
            refusal = NOT_IN_THE_FILE if key == "key_password" or _has_password(owner.get(key)) else None
        except ValueError as error:
            refusal = str(error)
        if refusal and isinstance(owner.get(key), str | dict):
            del owner[key]
            errors.append(_error(pointer, refusal, "secret"))
    return resolved, errors


def read_egress(settings: EgressSettings, references: References) -> tuple[Egress, list[FieldError]]:
    """Read and check the files, and return the proxy and the TLS context for connections."""
    certificate = settings.client_cert
    named = {
        _CA: settings.ca_file,
        _CERT: certificate.cert_file if certificate else None,
        _KEY: _key_file(certificate) if certificate else None,
    }
    errors = _proxy_errors(settings.proxy)
    contents: dict[str, bytes] = {}
    for pointer, path in named.items():
        if path is None or (pointer == _KEY and path == named[_CERT] and _CERT not in contents):
            continue
        try:
            contents[pointer] = _pem(path, references, _LABELS[pointer])
        except ValueError as error:
            errors.append(_error(pointer, str(error)))
    if errors:
        return Egress(), errors
    tls, errors = _context(settings, contents, references)
    if errors or (tls is None and settings.proxy is None):
        return Egress(), errors
    password = certificate.key_password if certificate else None
    seen = repr((settings.proxy, contents, password)).encode()
    proxy = None if settings.proxy is None else Secret(settings.proxy)
    return Egress(proxy=proxy, tls=tls, fingerprint=sha256(seen).hexdigest()[:16]), []


_LABELS = {_CA: b"CERTIFICATE", _CERT: b"CERTIFICATE", _KEY: b"PRIVATE KEY"}


def _pem(path: str, references: References, label: bytes) -> bytes:
    """Return the content of a PEM file that contains a block with `label`.

    Raises:
        ValueError: The file cannot be read, or contains no such block.
    """
    content = references.read(path, _MAX_BYTES)
    if label + b"-----" not in content:
        raise ValueError(f"The file {path} contains no {label.decode().lower()} in PEM form.")
    return content


def _context(
    settings: EgressSettings, contents: Mapping[str, bytes], references: References
) -> tuple[ssl.SSLContext | None, list[FieldError]]:
    if not contents:
        return None, []
    certificate = settings.client_cert
    place = _CA
    try:
        if settings.ca_file is None:
            place = "/client_cert"
            context = references.run(default_context)
        else:
            # Comments may be in any encoding; certificates are ASCII.
            context = ssl.create_default_context(cadata=contents[_CA].decode("ascii", "ignore"))
        if certificate is not None:
            place = _CERT
            references.run(partial(_show, context, certificate, encrypted=b"ENCRYPTED" in contents[_KEY]))
    except ValueError as error:
        return None, [_error(_PASSWORD, str(error))]
    except ssl.SSLError as error:
        return None, [_error(place, _sentence(settings, place, error))]
    except OSError as error:
        return None, [_error(place, f"{error}.")]
    return context, []


def _show(context: ssl.SSLContext, certificate: ClientCertSettings, *, encrypted: bool) -> None:
    """Load the client certificate. Without a password function OpenSSL would ask for the password at the terminal."""
    key_file = _key_file(certificate)
    if encrypted and certificate.key_password is None:
        raise ValueError(f'The key in {key_file} is encrypted: set key_password = {{ env = "…" }}.')
    context.load_cert_chain(certificate.cert_file, key_file, lambda: certificate.key_password or "")


def _sentence(settings: EgressSettings, place: str, error: ssl.SSLError) -> str:
    reason = (error.reason or "it is damaged").lower().replace("_", " ")
    certificate = settings.client_cert
    if place == _CA or certificate is None:
        return f"The file {settings.ca_file} cannot be used: {reason}."
    key_file = _key_file(certificate)
    if error.reason == "KEY_VALUES_MISMATCH":
        return f"The key in {key_file} does not belong to the certificate in {certificate.cert_file}."
    if certificate.key_password is not None:
        return (
            f"The certificate in {certificate.cert_file} cannot be used with the key in {key_file}: {reason}. "
            "The password may be wrong."
        )
    return f"The certificate in {certificate.cert_file} cannot be used with the key in {key_file}: {reason}."


def _key_file(certificate: ClientCertSettings) -> str:
    return certificate.key_file or certificate.cert_file


def _proxy_errors(url: str | None) -> list[FieldError]:
    if url is None:
        return []
    try:
        parts = urlsplit(url)
        right = parts.scheme == "http" and parts.hostname and parts.port != 0
        right = right and parts.path in ("", "/") and not (parts.query or parts.fragment)
    except ValueError:
        right = False
    return [] if right and url.isprintable() and " " not in url else [_error("/proxy", _PROXY)]


def _has_password(url: Any) -> bool:
    """Return whether a proxy URL may contain a password, even if the URL is malformed."""
    return isinstance(url, str) and ":" in url.rpartition("@")[0].removeprefix("http:").removeprefix("https:")


def ignored_variables(environment: Mapping[str, str], referred: Collection[str]) -> list[str]:
    """Return a sentence for each proxy or authority variable that other programs use and ordergate ignores.

    Args:
        environment: The environment of the process.
        referred: Variables that the configuration refers to.
    """
    trusted = any(
        environment.get(name) for name in VARIABLES
    )  # the operator then knows the variables that ordergate reads
    return [
        f"the environment variable {name} has no effect; {cure.format(name)} in [accounts.NAME] or [webhooks]"
        for variable, cure in _IGNORED.items()
        for name in (variable, variable.lower())
        if environment.get(name) and name not in referred and not (trusted and variable in _AUTHORITIES)
    ]


def _error(pointer: str, detail: str, code: str = "invalid_value") -> FieldError:
    return FieldError(pointer=pointer, code=code, detail=detail)
