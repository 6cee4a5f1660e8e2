"""The configuration file: what it becomes, and everything that is wrong with it, each with its line."""

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from ordergate.gateway.accounts.configuration import ConfigurationError
from ordergate.settings import DEFAULT_FILE, Settings, find_file, load_settings
from ordergate.settings.source import line_of
from ordergate.spi.secret import Secret

SHIPPED = Path(__file__).parents[2] / "config" / "default.toml"

EMULATOR = """\
[accounts.revkeen]
adapter = "revkeen"
environment = "emulator"
base_url = "http://127.0.0.1:9000/v2/"
api_key = "rk_sandbox_literal"
"""

SANDBOX = """\
[accounts.revkeen]
adapter = "revkeen"
environment = "sandbox"
api_key = { env = "REVKEEN_API_KEY" }

[accounts.rapyd-eu]
adapter = "rapyd"
environment = "sandbox"
access_key = { env = "RAPYD_ACCESS_KEY" }
secret_key = { env = "RAPYD_SECRET_KEY" }
idempotency = "all_post"
accept = "existing"
merchants = ["acme"]
connect_timeout = 2
read_timeout = 7.5

[routing]
default = ["revkeen", "rapyd-eu"]
"""
VARIABLES = {
    "REVKEEN_API_KEY": "rk_sandbox_hidden",
    "RAPYD_ACCESS_KEY": "access_hidden",
    "RAPYD_SECRET_KEY": "secret_hidden",
}


def _load(tmp_path: Path, text: str, variables: Mapping[str, str] | None = None) -> Settings:
    file = tmp_path / "gateway.toml"
    file.write_text(text)
    return load_settings(file, variables or {})


def _refused(tmp_path: Path, text: str, variables: Mapping[str, str] | None = None) -> list[str]:
    with pytest.raises(ConfigurationError) as refused:
        _load(tmp_path, text, variables)
    return [line.removeprefix(f"{tmp_path / 'gateway.toml'}:") for line in refused.value.lines]


def test_the_shipped_file_loads() -> None:
    """The file that comes with the gateway is right without any environment."""
    settings = load_settings(SHIPPED, {})

    assert set(settings.routing.default) <= set(settings.accounts)
    assert settings.store.url.startswith("sqlite:///")
    assert settings.server.host == "127.0.0.1"


def test_an_empty_file_is_right(tmp_path: Path) -> None:
    """Everything has a default, and without accounts there are none."""
    settings = _load(tmp_path, "")

    assert (settings.server.host, settings.server.port, settings.store.retention_days) == (
        "127.0.0.1",
        8080,
        7,
    )
    assert (dict(settings.accounts), settings.routing.default) == ({}, [])


def test_the_accounts_are_as_they_stand_in_the_file(tmp_path: Path) -> None:
    """An account's own keys, its adapter's and its secrets arrive, the address follows from the environment."""
    settings = _load(tmp_path, SANDBOX, VARIABLES)
    revkeen, rapyd = settings.accounts["revkeen"], settings.accounts["rapyd-eu"]

    assert revkeen.settings.api_key == Secret("rk_sandbox_hidden")
    assert (revkeen.base_url, revkeen.accept, revkeen.merchants, revkeen.world) == (
        "https://staging-api.revkeen.com/v2",
        "all",
        None,
        "test",
    )
    assert (rapyd.settings.secret_key, rapyd.settings.idempotency) == (Secret("secret_hidden"), "all_post")
    assert (rapyd.base_url, rapyd.accept, rapyd.merchants) == (
        "https://sandboxapi.rapyd.net",
        "existing",
        frozenset({"acme"}),
    )
    assert (rapyd.connect_timeout, rapyd.read_timeout, rapyd.total_timeout) == (2.0, 7.5, 45.0)
    assert settings.routing.default == ["revkeen", "rapyd-eu"]


def test_an_emulators_secrets_may_stand_in_the_file(tmp_path: Path) -> None:
    """An emulator account takes literal secrets and needs its address, which loses a slash at its end."""
    settings = _load(tmp_path, EMULATOR + 'webhook_secrets = ["one", "two"]\n')
    account = settings.accounts["revkeen"]

    assert account.base_url == "http://127.0.0.1:9000/v2"
    assert account.settings.api_key == Secret("rk_sandbox_literal")
    assert account.settings.webhook_secrets == (Secret("one"), Secret("two"))


def test_a_secret_comes_from_a_file(tmp_path: Path) -> None:
    """A reference to a file gives its content, without the line's end."""
    (tmp_path / "key").write_text("rk_sandbox_from_file\n")
    text = SANDBOX.replace('{ env = "REVKEEN_API_KEY" }', f'{{ file = "{tmp_path / "key"}" }}')

    settings = _load(tmp_path, text, VARIABLES)

    assert settings.accounts["revkeen"].settings.api_key == Secret("rk_sandbox_from_file")


def test_the_stores_url_may_be_a_reference(tmp_path: Path) -> None:
    """The store's URL can hold a password, so it can be referred to as secrets are."""
    settings = _load(tmp_path, '[store]\nurl = { env = "STORE" }\n', {"STORE": "sqlite:///elsewhere.db"})

    assert settings.store.url == "sqlite:///elsewhere.db"


ACCOUNT = EMULATOR  # five lines, so that whatever is added begins on line 6

KEY = '"rk_sandbox_literal"'

MISTAKES = [
    ('[server]\nport = "80"\n', "2: server.port: Expected `int`, got `str`."),
    ("# first\n\n[server]\nport = 70000\n", "4: server.port: Expected `int` <= 65535."),
    ("[server]\nhost = 1\n", "2: server.host: Expected `str`"),
    ("[server]\nidempotency_wait = nan\n", "2: server.idempotency_wait: Expected `float` >= 0.0."),
    ('[server]\nlog_level = "loud"\n', "2: server.log_level: Invalid enum value 'loud'."),
    ("[server]\nprot = 80\n", "2: server.prot: There is no such field here; known are body_timeout,"),
    ("server = 5\n", "1: server: Expected `object`, got `int`."),
    ("server.port = true\n", "1: server.port: Expected `int`, got `bool`."),
    ("server = { port = true }\n", "1: server.port: Expected `int`, got `bool`."),
    ("[store]\nretention_days = 0\n", "2: store.retention_days: Expected `int` >= 1."),
    ('[store]\nurl = { env = "STORE" }\n', "2: store.url: The environment variable STORE is not set."),
    ('[store]\nurl = { var = "STORE" }\n', "2: store.url: A reference is { env = "),
    ('[store]\nurl = "host=db password=pw"\n', "2: store.url: The file must not contain a password"),
    ('[store]\nurl = "host=db nonsense"\n', "2: store.url: The URL of the database is invalid: the text after"),
    ('[store]\nurl = "host=db gssencmode=require"\n', "2: store.url: The URL of the database is invalid: gssencmode"),
    ('[store]\nurl = "postgresql://db/x?y"\n', "2: store.url: The parameters of the database's URL are invalid"),
    ("[surprise]\nx = 1\n", "1: surprise: There is no such field here; known are accounts,"),
    ("\nsurprise = 1\n", "2: surprise: There is no such field here"),
    ("accounts = 5\n", "1: accounts: Expected `object`, got `int`."),
    ("[accounts]\nmain = 5\n", "2: accounts.main: Expected `object`, got `int`."),
    ('\n[accounts.main]\nenvironment = "sandbox"\n', "2: accounts.main.adapter: The field is required."),
    ('[accounts.a]\nadapter = "paypol"\nenvironment = "sandbox"\n', "2: accounts.a.adapter: There is no adapter"),
    (ACCOUNT.replace('"emulator"', '"emulatr"'), "3: accounts.revkeen.environment: Invalid enum"),
    (ACCOUNT.replace("[accounts.revkeen]", '[accounts."a b"]'), "1: accounts.a b: The name of an account may"),
    ("\n" + ACCOUNT.replace(".revkeen]", '."a/b"]'), "2: accounts.a/b: The name of an account may contain letters"),
    ("\n" + ACCOUNT.replace(".revkeen]", '."a.b"]'), "2: accounts.a.b: The name of an account may contain letters"),
    (ACCOUNT + "hat = 1\n", "6: accounts.revkeen.hat: There is no such field here; known are api_key,"),
    (ACCOUNT + "secret_key = 1\n", "6: accounts.revkeen.secret_key: There is no such field here"),
    (ACCOUNT + "total_timeout = inf\n", "6: accounts.revkeen.total_timeout: Expected `float` <= 3600.0."),
    (ACCOUNT + "merchants = [5]\n", "6: accounts.revkeen.merchants.0: Expected `str`, got `int`."),
    (ACCOUNT + 'accept = "some"\n', "6: accounts.revkeen.accept: Invalid enum value 'some'."),
    (ACCOUNT + 'webhook_secrets = "one"\n', "6: accounts.revkeen.webhook_secrets: Expected `array`"),
    (ACCOUNT + 'webhook_secrets = [{ env = "NO" }]\n', "6: accounts.revkeen.webhook_secrets: The environment"),
    (ACCOUNT.replace('api_key = "rk_sandbox_literal"\n', ""), "1: accounts.revkeen.api_key: The field is required."),
    (ACCOUNT.replace(KEY, "5"), "5: accounts.revkeen.api_key: Expected `Secret`, got `int`."),
    (ACCOUNT.replace(KEY, '{ env = "NO" }'), "5: accounts.revkeen.api_key: The environment variable NO"),
    (ACCOUNT.replace(KEY, '{ file = "/no/such" }'), "5: accounts.revkeen.api_key: The file /no/such"),
    (ACCOUNT.replace(KEY, '{ env = "A", file = "B" }'), "5: accounts.revkeen.api_key: A reference is"),
    (ACCOUNT.replace(KEY, "{ env = 5 }"), "5: accounts.revkeen.api_key: A reference is { env ="),
    (ACCOUNT.replace("rk_sandbox", "rk_live"), "5: accounts.revkeen.api_key: A key for emulator"),
    (ACCOUNT.replace("http://", "ftp://"), "4: accounts.revkeen.base_url: Expected `str` matching regex"),
    (ACCOUNT.replace("9000/", "9000/\\n"), "4: accounts.revkeen.base_url: Expected `str` matching regex"),
    (ACCOUNT.replace('base_url = "http://127.0.0.1:9000/v2/"\n', ""), "1: accounts.revkeen.base_url: An emulator"),
    ('[routing]\ndefault = ["gone"]\n', "2: routing.default: There is no [accounts.gone]."),
    ("[routing]\ndefault = [5]\n", "2: routing.default.0: Expected `str`, got `int`."),
    ('[routing]\ndefault = [["x"]]\n', "2: routing.default.0: Expected `str`, got `array`."),
    ('[routing]\ndefault = "x"\n', "2: routing.default: Expected `array`, got `str`."),
]  # fmt: skip


@pytest.mark.parametrize(("text", "sentence"), MISTAKES, ids=[sentence[:50] for _, sentence in MISTAKES])
def test_a_mistake_is_one_sentence_with_its_line(tmp_path: Path, text: str, sentence: str) -> None:
    """Each kind of mistake is told once, with the file, the line where it stands, the key and the reason."""
    (told,) = _refused(tmp_path, text)

    assert told.startswith(sentence)


@pytest.mark.parametrize("text", ["a = \n", "[accounts\n", "a = 1\na = 2\n", "a = " + "[" * 5000])
def test_what_is_not_toml_says_where(tmp_path: Path, text: str) -> None:
    """A file that is no TOML is told by its name."""
    (told,) = _refused(tmp_path, text)

    assert "not valid TOML: " in told


@pytest.mark.parametrize(
    "make", [lambda _: None, Path.mkdir, lambda path: path.write_bytes(b"#" * 2_000_000)]
)
def test_a_file_that_cannot_be_read_says_so(tmp_path: Path, make: object) -> None:
    """A missing file, a folder and one that is too large are one sentence each."""
    file = tmp_path / "absent.toml"
    make(file)  # type: ignore[operator]

    with pytest.raises(ConfigurationError) as refused:
        load_settings(file, {})

    assert refused.value.lines[0].startswith(f"{file}: cannot be read: ")


def test_other_bytes_than_text_are_told_by_their_line(tmp_path: Path) -> None:
    """A file that is not UTF-8 is told with the line of the first wrong byte."""
    file = tmp_path / "gateway.toml"
    file.write_bytes(b"# first\na = '\xff'")

    with pytest.raises(ConfigurationError) as refused:
        load_settings(file, {})

    assert refused.value.lines == [f"{file}:2: not UTF-8: invalid start byte (0xff)"]


def test_everything_wrong_is_told_at_once(tmp_path: Path) -> None:
    """Mistakes in every section, and several in one account, are all in one refusal."""
    text = """\
[server]
port = "x"
hots = 1
[store]
retention_days = 0
[accounts.a]
adapter = "nope"
environment = "sandbox"
accept = "maybe"
[accounts.b]
adapter = "revkeen"
environment = "sandbox"
base_url = "http://127.0.0.1"
connect_timeout = -1
api_key = "rk_sandbox_literal"
webhook_secrets = [{ env = "NO" }]
hat = 1
[accounts.c]
adapter = "rapyd"
environment = "emulator"
[routing]
default = ["d"]
"""
    places = [sentence.split(": ")[:2] for sentence in _refused(tmp_path, text)]

    assert sorted((int(line), key) for line, key in places) == [
        (2, "server.port"),
        (3, "server.hots"),
        (5, "store.retention_days"),
        (7, "accounts.a.adapter"),
        (9, "accounts.a.accept"),
        (13, "accounts.b.base_url"),
        (14, "accounts.b.connect_timeout"),
        (15, "accounts.b.api_key"),
        (16, "accounts.b.webhook_secrets"),
        (17, "accounts.b.hat"),
        (18, "accounts.c.access_key"),
        (18, "accounts.c.base_url"),
        (18, "accounts.c.secret_key"),
        (22, "routing.default"),
    ]


@pytest.mark.parametrize("environment", ["sandbox", "production"])
def test_a_literal_secret_is_refused(tmp_path: Path, environment: str) -> None:
    """For a real account a secret stands nowhere in the file; the sentence says how to refer to one."""
    text = EMULATOR.replace('"emulator"', f'"{environment}"').replace(
        'base_url = "http://127.0.0.1:9000/v2/"\n', ""
    )
    (told,) = _refused(tmp_path, text)

    assert told.startswith("4: accounts.revkeen.api_key: The file must not contain a secret")
    assert '{ env = "' in told
    assert "literal" not in told


@pytest.mark.parametrize(
    ("environment", "key", "right"),
    [
        ("sandbox", "rk_sandbox_hidden", True),
        ("sandbox", "rk_live_hidden", False),
        ("production", "rk_live_hidden", True),
        ("production", "rk_sandbox_hidden", False),
        ("production", "hidden", False),
    ],
)
def test_a_key_must_be_of_its_environment(tmp_path: Path, environment: str, key: str, right: bool) -> None:
    """A RevKeen key of the other world is refused before it is ever sent."""
    text = f'[accounts.a]\nadapter = "revkeen"\nenvironment = "{environment}"\napi_key = {{ env = "KEY" }}\n'

    if right:
        assert _load(tmp_path, text, {"KEY": key}).accounts["a"].environment == environment
    else:
        (told,) = _refused(tmp_path, text, {"KEY": key})
        assert told.startswith("4: accounts.a.api_key: A key for ")
        assert "hidden" not in told


def test_a_real_account_has_no_address_of_its_own(tmp_path: Path) -> None:
    """Where a sandbox or production lives is the adapter's knowledge, not the file's."""
    (told,) = _refused(tmp_path, SANDBOX.replace('merchants = ["acme"]', 'base_url = "https://x"'), VARIABLES)

    assert told.startswith("13: accounts.rapyd-eu.base_url: environment = 'sandbox'")


def test_no_sentence_and_no_print_shows_a_secret(tmp_path: Path) -> None:
    """Neither a refusal of the file, nor the settings printed, show a secret's value."""
    secrets = [*VARIABLES.values(), "rk_live_hidden", "rk_sandbox_literal"]
    wrong = SANDBOX.replace('"sandbox"', '"production"') + EMULATOR.replace("revkeen]", "third]").replace(
        '"emulator"', '"production"'
    )
    shown = "\n".join(_refused(tmp_path, wrong, VARIABLES)) + repr(_load(tmp_path, SANDBOX, VARIABLES))

    assert not [secret for secret in secrets if secret in shown]


@pytest.mark.parametrize(
    ("variable", "value", "section", "key", "expected"),
    [
        ("ORDERGATE_SERVER_PORT", "9999", "server", "port", 9999),
        ("ORDERGATE_SERVER_HOST", "0.0.0.0", "server", "host", "0.0.0.0"),
        ("ORDERGATE_SERVER_IDEMPOTENCY_WAIT", "0.5", "server", "idempotency_wait", 0.5),
        ("ORDERGATE_SERVER_LOG_FORMAT", "json", "server", "log_format", "json"),
        ("ORDERGATE_STORE_URL", "sqlite:////tmp/x.db", "store", "url", "sqlite:////tmp/x.db"),
        ("ORDERGATE_STORE_RETENTION_DAYS", "30", "store", "retention_days", 30),
    ],
)
@pytest.mark.parametrize("text", ["", "[server]\nport = 1\n[store]\nretention_days = 1\n"])
def test_the_environment_overrides(
    tmp_path: Path, text: str, variable: str, value: str, section: str, key: str, expected: object
) -> None:
    """Every key of server and store can be set from outside, over the file or without it."""
    settings = _load(tmp_path, text, {variable: value})

    assert getattr(getattr(settings, section), key) == expected


def test_the_environment_overrides_a_reference(tmp_path: Path) -> None:
    """A URL from outside replaces a reference, which then need not resolve."""
    settings = _load(tmp_path, '[store]\nurl = { env = "NO" }\n', {"ORDERGATE_STORE_URL": "sqlite:///y.db"})

    assert settings.store.url == "sqlite:///y.db"


@pytest.mark.parametrize(
    ("variable", "value", "reason"),
    [
        ("ORDERGATE_SERVER_PORT", "abc", "server.port: Expected `int`, got `str`."),
        ("ORDERGATE_SERVER_PORT", "70000", "server.port: Expected `int` <= 65535."),
        ("ORDERGATE_SERVER_PORT", "", "server.port: Expected `int`, got `str`."),
        ("ORDERGATE_STORE_RETENTION_DAYS", "0", "store.retention_days: Expected `int` >= 1."),
    ],
)
def test_a_wrong_override_is_refused(tmp_path: Path, variable: str, value: str, reason: str) -> None:
    """What comes from outside is judged as what stands in the file."""
    (told,) = _refused(tmp_path, "", {variable: value})

    assert reason in told


@pytest.mark.parametrize(
    "same",
    [
        "# a comment\n" + SANDBOX,
        SANDBOX.replace("\n\n", "\n\n\n# between\n"),
        SANDBOX.replace(
            "connect_timeout = 2\nread_timeout = 7.5\n", "read_timeout   =   7.5\nconnect_timeout = 2\n"
        ),
        SANDBOX.replace('adapter = "rapyd"', "adapter = 'rapyd' # theirs"),
    ],
)
def test_the_hash_is_of_the_content(tmp_path: Path, same: str) -> None:
    """Comments, blanks and the order of keys do not change the hash, nor do the secrets behind references."""
    first = _load(tmp_path, SANDBOX, VARIABLES).hash
    others = {**VARIABLES, "RAPYD_SECRET_KEY": "rotated", "UNRELATED": "x"}

    assert _load(tmp_path, same, others).hash == first
    assert len(first) == 12


@pytest.mark.parametrize(
    ("changed", "variables"),
    [
        (SANDBOX.replace("read_timeout = 7.5", "read_timeout = 8"), {}),
        (SANDBOX.replace('["revkeen", "rapyd-eu"]', '["rapyd-eu", "revkeen"]'), {}),
        (SANDBOX + "[server]\nport = 1\n", {}),
        (SANDBOX.replace('"RAPYD_SECRET_KEY"', '"OTHER"'), {"OTHER": "secret_hidden"}),
        (SANDBOX, {"ORDERGATE_SERVER_PORT": "1"}),
    ],
)
def test_another_content_has_another_hash(tmp_path: Path, changed: str, variables: dict[str, str]) -> None:
    """A value, an order of preference, another reference and an override each change the hash."""
    first = _load(tmp_path, SANDBOX, VARIABLES).hash

    assert _load(tmp_path, changed, VARIABLES | variables).hash != first


def test_where_the_file_is_looked_for(tmp_path: Path) -> None:
    """The file given wins, then the one that the environment names, then the default."""
    named = {"ORDERGATE_CONFIG": str(tmp_path / "named.toml")}

    assert find_file(tmp_path / "given.toml", named) == tmp_path / "given.toml"
    assert find_file(None, named) == tmp_path / "named.toml"
    assert find_file(None, {"ORDERGATE_CONFIG": ""}).name == DEFAULT_FILE.name
    assert os.path.exists(find_file(None, {}))  # noqa: PTH110 - also where only the package ships it


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (["server"], 2),
        (["server", "port"], 3),
        (["server", "missing"], 2),
        (["accounts", "a-b"], 5),
        (["accounts", "a-b", "api_key", "env"], 6),
        (["accounts", "c", "adapter"], 8),
        (["accounts", "d.e", "x"], 10),
        (["routing", "rules", "0", "name"], 12),
        (["routing", "rules", "0", "when", "currency", "0"], 14),
        (["routing", "rules", "1", "use"], 15),
        (["routing", "rules", "1", "when", "currency"], 17),
        (["nowhere"], 1),
        ([], 1),
    ],
)
def test_the_line_of_a_key(path: list[str], line: int) -> None:
    """A key is found on its own line, a missing one where its table begins, and nothing on the first."""
    text = (
        "# [server]\n"
        "[ server ]\n"
        "port = 1 # port = 2\n"
        "\n"
        "[accounts.a-b] # [accounts.c]\n"
        'api_key = { env = "X" }\n'
        "[accounts.c]\n"
        "'adapter' = \"x\"\n"
        "\n"
        '[accounts."d.e"]\n'
        "[[routing.rules]]\n"
        'name = "first"\n'
        "[routing.rules.when]\n"
        'currency = ["EUR"]\n'
        "[[routing.rules]]\n"
        "[routing.rules.when]\n"
        'currency = ["USD"]\n'
    )

    assert line_of(text, path) == line


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://u:p@h/db", "postgresql://u:***@h/db"),
        ("postgresql://u:p@ss@h/db", "postgresql://u:***@h/db"),
        ("postgresql://u:p:w@h/db", "postgresql://u:***@h/db"),
        ("postgresql://u@h/db?password=p&host=/run", "postgresql://u@h/db?password=***&host=/run"),
        ("postgresql://h/db?pass%77ord=p", "postgresql://h/db?pass%77ord=***"),
        ("postgresql://h/db?sslpassword=p&x=1", "postgresql://h/db?sslpassword=***&x=1"),
        ("host=h user=u password='p w'", "postgresql://?host=h&user=u&password=***"),
        ("sqlite:///a.db", "sqlite:///a.db"),
        ("postgresql://h:5432/db", "postgresql://h:5432/db"),
    ],
)
def test_a_databases_password_is_never_shown(tmp_path: Path, url: str, shown: str) -> None:
    """However the environment spells it, operators read stars."""
    file = tmp_path / "o.toml"
    file.write_text("")

    settings = load_settings(file, {"ORDERGATE_STORE_URL": url})

    assert settings.document["store"]["url"] == shown


def test_networks_that_are_none(tmp_path: Path) -> None:
    """A network that webhooks may go to is written as one; the error names its line."""
    file = tmp_path / "ordergate.toml"
    file.write_text('[webhooks]\nallow_networks = ["10.0.0.0/8", "10.1.2.3/8", "intranet"]\n')

    with pytest.raises(ConfigurationError) as caught:
        load_settings(file, {})

    assert [line.partition(": ")[0] for line in caught.value.lines] == [f"{file}:2"] * 2
    assert "webhooks.allow_networks.1" in caught.value.lines[0]


def test_tracing_without_its_package_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What tracing needs is optional: who asks for it without, is told what to install, from wherever he asked."""
    monkeypatch.setattr("ordergate.settings.checks.find_spec", lambda _: None)
    file = tmp_path / "ordergate.toml"
    file.write_text("[server]\n")

    assert load_settings(file, {}).server.tracing is False
    with pytest.raises(ConfigurationError) as caught:
        load_settings(file, {"ORDERGATE_SERVER_TRACING": "true"})

    (line,) = caught.value.lines
    assert "ORDERGATE_SERVER_TRACING" in line
    assert "pip install 'ordergate[tracing]'" in line


@pytest.mark.parametrize("path", ["", "/shop", "/shop/pay", "/a-b_c.d~e/v1"])
def test_a_path_before_every_address(tmp_path: Path, path: str) -> None:
    """One or more steps, or none."""
    assert _load(tmp_path, f'[server]\nroot_path = "{path}"\n').server.root_path == path


@pytest.mark.parametrize(
    "path", ["shop", "/shop/", "/", "//shop", "/a b", "/../x", "/sh%6fp", "/v1", "/console/x"]
)
def test_a_path_that_would_mislead_is_refused(tmp_path: Path, path: str) -> None:
    """What is no plain path, or what an address of the gateway's own could be taken for."""
    (line,) = _refused(tmp_path, f'[server]\nroot_path = "{path}"\n')

    assert "root_path" in line


def test_variables_of_a_kubernetes_service(tmp_path: Path) -> None:
    """They are told once, with what to do, and other variables that are wrong as ever."""
    links = {
        "ORDERGATE_SERVER_PORT": "tcp://10.0.0.7:8080",
        "ORDERGATE_SERVER_PORT_8080_TCP": "tcp://10.0.0.7:8080",
        "ORDERGATE_SERVER_PORT_8080_TCP_ADDR": "10.0.0.7",
        "ORDERGATE_SERVER_PORT_8080_TCP_PORT": "8080",
        "ORDERGATE_SERVER_PORT_8080_TCP_PROTO": "tcp",
        "ORDERGATE_SERVER_SERVICE_HOST": "10.0.0.7",
        "ORDERGATE_SERVER_SERVICE_PORT": "8080",
        "ORDERGATE_SERVER_SERVICE_PORT_HTTP": "8080",
        "ORDERGATE_STORE_PORT": "tcp://10.0.0.8:5432",
        "ORDERGATE_STORE_SERVICE_HOST": "10.0.0.8",
    }

    server, typo, store = _refused(tmp_path, "", {**links, "ORDERGATE_SERVER_HOSTS": "::"})

    assert server.startswith("the environment variable ORDERGATE_SERVER_PORT: server.port: Kubernetes sets")
    assert "a Service named ordergate-server. Set enableServiceLinks: false" in server
    assert store.startswith("the environment variable ORDERGATE_STORE_PORT: store.port: Kubernetes sets")
    assert "ORDERGATE_SERVER_HOSTS" in typo
    (wrong,) = _refused(tmp_path, "", {"ORDERGATE_SERVER_PORT": "tcp"})
    assert "Kubernetes" not in wrong
    assert _load(tmp_path, "", {"ORDERGATE_SERVER_PORT": "9000"}).server.port == 9000
