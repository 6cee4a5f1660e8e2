"""Connection strings that psql takes: what the driver gets of them, and what it cannot do."""

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from ordergate.journal.stores.conninfo import ConninfoError, as_url, file_error, is_postgresql, target_of

NEON = "postgresql://me:pw@ep-1.eu.neon.tech/orders?sslmode=require&channel_binding=require"


def _given(text: str, **environment: str) -> dict[str, str]:
    """The parameters that the driver gets."""
    query = parse_qs(urlsplit(target_of(text, environment).url).query)
    return {name: values[0] for name, values in query.items()}


@pytest.mark.parametrize(
    "parameter",
    [
        "channel_binding=prefer",
        "channel_binding=require",
        "gssencmode=disable",
        "gssencmode=prefer",
        "connect_timeout=10",
        "keepalives=1",
        "keepalives_idle=30",
        "keepalives_interval=5",
        "keepalives_count=3",
        "tcp_user_timeout=9000",
        "sslsni=1",
        "sslcompression=0",
        "client_encoding=auto",
        "load_balance_hosts=disable",
        "min_protocol_version=3.0",
    ],
)
def test_a_parameter_of_psql_is_not_sent_as_a_setting(parameter: str) -> None:
    """What the driver does not know is taken out: a server would refuse it as a setting that it has not."""
    assert _given(f"postgresql://db/orders?{parameter}") == _given("postgresql://db/orders")


def test_what_is_asked_for_of_the_connection_is_done() -> None:
    """The time to connect and the keepalives are this module's, not the driver's."""
    target = target_of("postgresql://db/orders?connect_timeout=1&keepalives_idle=31&tcp_user_timeout=7000")

    assert target.connect_seconds == 2
    assert {31, 7000} <= {value for _, _, value in target.socket_options}
    assert target_of("postgresql://db/?keepalives=0").socket_options[0][2] == 0


def test_a_name_to_fall_back_on_is_one_to_fall_back_on() -> None:
    """The application's name is the one given, else the one to fall back on, else our own."""
    assert _given("postgresql://db/")["application_name"] == "ordergate"
    assert _given("postgresql://db/?fallback_application_name=a")["application_name"] == "a"
    assert (
        _given("postgresql://db/?fallback_application_name=a&application_name=b")["application_name"] == "b"
    )
    assert _given("postgresql://db/", PGAPPNAME="c")["application_name"] == "c"


def test_pairs_are_a_url() -> None:
    """``key=value`` pairs with quotes and escapes are read as libpq reads them."""
    pairs = r" host=/tmp dbname = orders user='a b' password='it\'s\\' options=-c\ a=1"

    assert is_postgresql(pairs)
    assert parse_qs(urlsplit(as_url(pairs)).query) == {
        "host": ["/tmp"],
        "dbname": ["orders"],
        "user": ["a b"],
        "password": ["it's\\"],
        "options": ["-c a=1"],
    }
    assert target_of(pairs).url.startswith("postgresql://?host=")


@pytest.mark.parametrize("text", ["host=db nothing", "host=db user='open", "host=db =x"])
def test_pairs_that_make_no_sense_are_refused(text: str) -> None:
    """What is no pair is refused, and not repeated: it may be part of a password."""
    with pytest.raises(ConninfoError, match="no key=value"):
        as_url(text)


@pytest.mark.parametrize("text", ["sqlite:///journal.db", "journal.db", "", "mysql://db/x", "x=y"])
def test_other_stores_are_not_postgresql(text: str) -> None:
    """A file's name and another database's URL are no connection string."""
    assert not is_postgresql(text)


def test_a_database_in_a_parameter_counts_beside_an_empty_path() -> None:
    """``postgresql:///?dbname=x`` names a database; the driver alone would take the empty one before it."""
    assert target_of("postgresql:///?host=/tmp&dbname=x").url.startswith("postgresql://?host=")


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("postgresql://me@db:77/orders?hostaddr=10.0.0.1", "postgresql://me@10.0.0.1:77/orders?"),
        ("postgresql://db/orders?hostaddr=::1", "postgresql://[::1]/orders?"),
        (
            "postgresql://a:1,b:2/orders?hostaddr=10.0.0.1,10.0.0.2",
            "postgresql://10.0.0.1:1,10.0.0.2:2/orders?",
        ),
        ("host=db hostaddr=10.0.0.1 dbname=x", "postgresql://?host=10.0.0.1&dbname=x&"),
    ],
)
def test_an_address_stands_in_for_a_host(text: str, url: str) -> None:
    """``hostaddr`` is where the connection goes, with the port of its host."""
    assert target_of(text).url.startswith(url)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("postgresql://db/?gssencmode=require", "GSSAPI"),
        ("postgresql://db/?require_auth=scram-sha-256", "require_auth"),
        ("postgresql://db/?requirepeer=postgres", "requirepeer"),
        ("postgresql://db/?hostaddr=10.0.0.1&sslmode=verify-full", "hostaddr"),
        ("postgresql://a,b/?hostaddr=10.0.0.1", "1 addresses for 2 hosts"),
        ("postgresql://db/?connect_timeout=soon", "connect_timeout is no whole number"),
        ("postgresql://db/?target_session_attrs=writable", "read-write"),
        ("postgresql://db/?sslrootcert=system&sslmode=require", "verify-full"),
    ],
)
def test_what_cannot_be_kept_is_refused(text: str, why: str) -> None:
    """A demand that the driver cannot meet is refused by its name, and not dropped."""
    with pytest.raises(ConninfoError, match=why):
        target_of(text)


def test_a_channel_that_is_not_bound_is_told() -> None:
    """Neon's own URL is taken, with a word about what is weaker and what to do; a checked certificate needs none."""
    assert _given(NEON)["sslmode"] == "require"
    (warning,) = target_of(NEON).warnings
    assert "sslmode=verify-full" in warning
    assert target_of(NEON.replace("=require", "=verify-full", 1)).warnings == ()


def test_the_systems_roots_are_not_a_files_name() -> None:
    """``sslrootcert=system`` checks the certificate against what the system trusts."""
    target = target_of("postgresql://db/orders?sslmode=verify-full&sslrootcert=system")

    assert target.options == {"ssl": True}
    assert "sslrootcert" not in target.url
    assert file_error("postgresql://db/orders?sslrootcert=system") is None


def test_of_several_hosts_one_that_can_write_is_wanted() -> None:
    """The server to write to is looked for among several, unless the URL or the environment says otherwise."""
    assert _given("postgresql://a,b/orders")["target_session_attrs"] == "read-write"
    assert _given("postgresql:///orders?host=a,b")["target_session_attrs"] == "read-write"
    assert _given("postgresql://a,b/?target_session_attrs=any")["target_session_attrs"] == "any"
    assert _given("postgresql://a,b/", PGTARGETSESSIONATTRS="primary")["target_session_attrs"] == "primary"
    assert _given("postgresql://a/orders")["target_session_attrs"] == "any"


@pytest.mark.parametrize("name", ["sslrootcert", "sslcrl", "sslcert", "sslkey"])
def test_a_file_that_is_missing_is_named(tmp_path: Path, name: str) -> None:
    """Which certificate, list or key is not there stands in the sentence, with its path."""
    url = f"postgresql://db/orders?sslmode=verify-full&{name}={tmp_path}/missing.pem"

    assert file_error(url) == f"{name} {tmp_path}/missing.pem: No such file or directory"


def test_a_file_without_a_certificate_is_named(tmp_path: Path) -> None:
    """A root certificate that is none is named, too."""
    file = tmp_path / "root.pem"
    file.write_text("nothing of that kind")

    assert file_error(f"host=db sslrootcert={file}") == f"sslrootcert {file}: holds no certificate"
