"""The way out stands in the configuration, and what is wrong with it is told with its line."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.transport.proxy import PrivateCa

from ordergate.gateway.accounts.configuration import ConfigurationError
from ordergate.gateway.accounts.egress import Egress
from ordergate.settings import Settings, environment_warnings, load_settings, source

PASSWORD = "planted0123456789"
CERTIFICATE = 'client_cert = { cert_file = "{folder}/client.pem", key_file = "{folder}/client.key" }'
ACCOUNT = """\
[accounts.main]
adapter = "revkeen"
environment = "emulator"
base_url = "http://127.0.0.1:9101/v2"
api_key = "rk_sandbox_x"
"""


@pytest.fixture(scope="module")
def private(tmp_path_factory: pytest.TempPathFactory) -> PrivateCa:
    """An authority, with a certificate of it whose key is encrypted."""
    made = PrivateCa(tmp_path_factory.mktemp("private"))
    made.client(PASSWORD.encode())
    made.client_with_key()
    (made.folder / "other.key").write_bytes(made.authority.issue_cert("x").private_key_pem.bytes())
    (made.folder / "empty.pem").touch()
    (made.folder / "damaged.pem").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    return made


def _load(folder: Path, text: str, **variables: str) -> Settings:
    file = folder / "gateway.toml"
    file.write_text(text)
    return load_settings(file, variables)


def _refused(folder: Path, text: str, **variables: str) -> list[str]:
    with pytest.raises(ConfigurationError) as refused:
        _load(folder, text, **variables)
    return [line.removeprefix(f"{folder / 'gateway.toml'}:") for line in refused.value.lines]


def test_the_way_out_of_an_account_and_of_webhooks(tmp_path: Path, private: PrivateCa) -> None:
    """Each has its own; without the keys connections are straight."""
    shown = 'client_cert = { cert_file = "client.pem", key_file = "client.key", key_password = { env = "OPENS" } }'
    own = f"""proxy = {{ env = "HTTPS_PROXY" }}
ca_file = "{private.ca_file}"
{shown.replace('= "client', f'= "{private.folder}/client')}
"""
    url = f"http://gate:{PASSWORD}@proxy.internal:3128"
    webhooks = f"""[webhooks]
proxy = {{ env = "HTTPS_PROXY" }}
client_cert = {{ cert_file = "{private.folder}/both.pem" }}
"""
    settings = _load(
        tmp_path,
        f"{ACCOUNT}{own}{ACCOUNT.replace('main', 'other')}{webhooks}",
        HTTPS_PROXY=url,
        OPENS=PASSWORD,
    )

    main, merchants = settings.accounts["main"].egress, settings.webhooks_egress
    assert main.proxy is not None
    assert main.proxy.reveal() == url
    assert main.tls is not None
    assert [found["subject"] for found in main.tls.get_ca_certs()] != []
    assert len(main.tls.get_ca_certs()) == 1
    assert settings.accounts["other"].egress == Egress()
    assert (merchants.proxy, merchants.tls is not None) == (main.proxy, True)
    assert len({main.fingerprint, merchants.fingerprint, ""}) == 3
    assert PASSWORD not in f"{settings}"


def test_a_certificate_that_was_renewed_is_another_way_out(tmp_path: Path) -> None:
    """The same file with another content makes connections of its own; an account knows its place by it."""
    private = PrivateCa(tmp_path)
    places = set()
    for _ in range(2):
        private.client()
        text = f'{ACCOUNT}client_cert = {{ cert_file = "{tmp_path}/client.pem", key_file = "{tmp_path}/client.key" }}\n'
        places |= {_load(tmp_path, text).accounts["main"].place for _ in range(2)}

    assert len(places) == 2


@pytest.mark.parametrize("table", [ACCOUNT, "[webhooks]\n"], ids=["account", "webhooks"])
@pytest.mark.parametrize(
    ("keys", "key", "told"),
    [
        ('proxy = "socks5://127.0.0.1:1080"', "proxy", "http://HOST:PORT"),
        ('proxy = "https://proxy.internal"', "proxy", "http://HOST:PORT"),
        ('proxy = "proxy.internal:3128"', "proxy", "http://HOST:PORT"),
        ('proxy = "http://proxy.internal:99999"', "proxy", "http://HOST:PORT"),
        ('proxy = "http://proxy.internal/path"', "proxy", "http://HOST:PORT"),
        ('proxy = ""', "proxy", "http://HOST:PORT"),
        (f'proxy = "http://gate:{PASSWORD}@proxy.internal"', "proxy", "The file must not contain a secret"),
        ('proxy = { env = "GONE" }', "proxy", "GONE is not set"),
        ('proxy = { other = "X" }', "proxy", "A reference is"),
        ("proxy = 3128", "proxy", "str"),
        ('ca_file = "{folder}/gone.pem"', "ca_file", "gone.pem cannot be read"),
        ('ca_file = "{folder}"', "ca_file", "cannot be read"),
        ('ca_file = "/dev/zero"', "ca_file", "larger than"),
        ('ca_file = "{folder}/empty.pem"', "ca_file", "empty.pem contains no certificate in PEM form"),
        ('ca_file = "{folder}/damaged.pem"', "ca_file", "damaged.pem cannot be used"),
        ('client_cert = "{folder}/both.pem"', "client_cert", "object"),
        ("client_cert = {}", "client_cert.cert_file", ""),
        ('client_cert = { cert_file = "{folder}/gone.pem" }', "client_cert.cert_file", "cannot be read"),
        ('client_cert = { cert_file = "{folder}/client.pem" }', "client_cert.key_file", "no private key"),
        (
            CERTIFICATE,
            "client_cert.key_password",
            "client.key is encrypted",
        ),
        (
            f'{CERTIFICATE.removesuffix(" }")}, key_password = {{ env = "WRONG" }} }}',
            "client_cert.cert_file",
            "password may be wrong",
        ),
        (
            'client_cert = { cert_file = "{folder}/both.pem", key_password = "literal" }',
            "client_cert.key_password",
            "The file must not contain a secret",
        ),
        (
            'client_cert = { cert_file = "{folder}/client.pem", key_file = "{folder}/other.key" }',
            "client_cert.cert_file",
            "does not belong to the certificate",
        ),
        ('client_cert = { cert_file = "{folder}/both.pem", more = 1 }', "client_cert.more", ""),
    ],
)
def test_what_is_wrong_with_a_way_out(
    tmp_path: Path, private: PrivateCa, table: str, keys: str, key: str, told: str
) -> None:
    """One sentence, with the line of the key; it holds no secret."""
    text = table + keys.replace("{folder}", str(private.folder)) + "\n"

    (line,) = _refused(tmp_path, text, WRONG="wrongpassword")

    section = "accounts.main" if "accounts" in table else "webhooks"
    assert line.startswith(f"{table.count(chr(10)) + 1}: {section}.{key}: ")
    assert told in line
    assert PASSWORD not in line
    assert "wrongpassword" not in line


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files have a tenth of a second."""
    monkeypatch.setattr(source, "FILES_TIMEOUT", 0.1)


@pytest.fixture
def hung(monkeypatch: pytest.MonkeyPatch, impatient: None) -> Iterator[str]:
    """A file on a mount that hangs."""
    read, released = source._read, threading.Event()

    def reading(file: Path, size: int, ends_at: float) -> bytes:
        if file.name == "hung":
            released.wait(30)
        return read(file, size, ends_at)

    monkeypatch.setattr(source, "_read", reading)
    yield "/mnt/hung"
    released.set()


@pytest.fixture
def pipe(tmp_path: Path, impatient: None) -> str:
    """A pipe that nobody writes to."""
    os.mkfifo(tmp_path / "pipe")
    return str(tmp_path / "pipe")


@pytest.mark.parametrize("kind", ["pipe", "hung"])
@pytest.mark.parametrize("key", ["api_key", "proxy", "ca_file", "client_cert.cert_file"])
def test_a_file_that_blocks_is_given_up(
    tmp_path: Path, request: pytest.FixtureRequest, kind: str, key: str
) -> None:
    """The sentence names the key and the file; what can be read is judged all the same."""
    file = request.getfixturevalue(kind)
    (tmp_path / "good").write_text("rk_sandbox_y")
    values = {
        "ca_file": f'ca_file = "{file}"',
        "client_cert.cert_file": f'client_cert = {{ cert_file = "{file}", key_file = "/dev/null" }}',
    }
    text = ACCOUNT.replace('api_key = "rk_sandbox_x"\n', "") + values.get(
        key, f'{key} = {{ file = "{file}" }}'
    )
    if key != "api_key":
        text += f'\napi_key = {{ file = "{tmp_path}/good" }}'

    lines = _refused(tmp_path, text)

    assert [line for line in lines if "key_file" not in line] == [
        f"5: accounts.main.{key}: The file {file} cannot be read: no data was read within 0.1 seconds."
    ]


def test_a_configuration_that_blocks_is_given_up(tmp_path: Path, pipe: str) -> None:
    """The file itself may be what hangs."""
    with pytest.raises(ConfigurationError) as refused:
        load_settings(Path(pipe), {})

    assert refused.value.lines == [f"{pipe}: cannot be read: no data was read within 0.1 seconds"]


def test_a_pipe_that_somebody_writes_to_is_read(tmp_path: Path) -> None:
    """Some keep secrets in pipes: it need not be a file."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=("rk_sandbox_y\n",))
    writer.start()
    text = ACCOUNT.replace('"rk_sandbox_x"', f'{{ file = "{pipe}" }}')
    settings = _load(tmp_path, text).accounts["main"].settings
    writer.join()

    assert settings.api_key.reveal() == "rk_sandbox_y"


def test_many_files_that_block_take_the_time_of_one(tmp_path: Path, pipe: str) -> None:
    """All files together have the time; each is named."""
    account = ACCOUNT.replace('"rk_sandbox_x"', f'{{ file = "{pipe}" }}')
    text = "".join(account.replace("main", f"main{number}") for number in range(5))

    assert len(_refused(tmp_path, text)) == 5


# The environment


def test_variables_that_are_not_looked_at_are_named(tmp_path: Path) -> None:
    """By either spelling, unless the configuration refers to them itself; no value is shown."""
    settings = _load(tmp_path, f'{ACCOUNT}proxy = {{ env = "HTTPS_PROXY" }}\n', HTTPS_PROXY="http://p:1")
    environment = {
        "HTTPS_PROXY": "http://p:1",
        "http_proxy": f"http://a:{PASSWORD}@p:1",
        "NO_PROXY": "*",
        "REQUESTS_CA_BUNDLE": "/etc/ca.pem",
        "PATH": "/bin",
    }

    warnings = environment_warnings(settings, environment)

    assert [warning.split()[3] for warning in warnings] == ["http_proxy", "NO_PROXY", "REQUESTS_CA_BUNDLE"]
    assert 'set proxy = { env = "http_proxy" } in [accounts.NAME] or [webhooks]' in warnings[0]
    assert "set ca_file" in warnings[2]
    assert PASSWORD not in "".join(warnings)
    assert environment_warnings(settings, {"REQUESTS_CA_BUNDLE": "/a", "SSL_CERT_FILE": "/b"}) == []
