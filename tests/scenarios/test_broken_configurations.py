"""What is wrong with a configuration is told with its place, and never comes into force."""

import enum
import json
import re
from pathlib import Path
from typing import NamedTuple

import pytest
from click.testing import CliRunner
from tests.scenarios.conftest import OpenShop
from tests.scenarios.shop import Emulator, body_of, problem_of, run

from ordergate.cli.check import check

RELOAD = "/v1/admin/reload"

RIGHT = """\
[server]
port = 8081
idempotency_wait = 1.0

[store]
url = "sqlite:///{folder}/journal.db"
retention_days = 7

[recovery]
closed_settling = 12.0
person_after_hours = 24.0
late_look_minutes = 15.0

[accounts.revkeen]
adapter = "revkeen"
environment = "emulator"
base_url = "{base_url}"
api_key = "{api_key}"
webhook_secrets = ["whsec_old", "whsec_new"]

[accounts.live]
adapter = "revkeen"
environment = "production"
api_key = { env = "LIVE_KEY" }
webhook_secrets = [{ env = "WEBHOOK_OLD" }, { env = "WEBHOOK_NEW" }]
merchants = ["acme"]
settling_time = 60
connect_timeout = 4.5

[accounts.spare]
adapter = "rapyd"
environment = "sandbox"
access_key = { env = "SPARE_ACCESS" }
secret_key = { file = "{folder}/secret_key" }
webhook_url = "https://pay.example.com/hooks/spare"
accept = "existing"

[routing]
default = ["revkeen", "live"]

[[routing.rules]]
name = "euro"
use = ["spare", "live"]
[routing.rules.when]
currency = ["EUR", "GBP"]
country = ["DE", "FR"]
total_gte = 100
total_lte = 10000
weight = 50

[[routing.rules]]
name = "web"
when = { merchant = ["acme"], metadata = { channel = ["web"] } }
use = ["revkeen"]
"""

VARIABLES = {
    "LIVE_KEY": "rk_live_kept_out_of_sight",
    "WEBHOOK_OLD": "whsec_kept_out_of_sight_1",
    "WEBHOOK_NEW": "whsec_kept_out_of_sight_2",
    "SPARE_ACCESS": "access_kept_out_of_sight",
    "DATABASE": "postgresql://gate:kept_out_of_sight@db:5432/gate",
}


class Instead(enum.Enum):
    """What may stand where a file is expected."""

    NOTHING = enum.auto()
    FOLDER = enum.auto()


class Broken(NamedTuple):
    """One way to break the right configuration.

    Attributes:
        old: Is replaced, once; everything where it is empty and the new text is no addition.
        new: What stands there instead.
        key: The key that is blamed, as the sentence names it.
        line: What stands in the blamed line; empty where there is no such line.
        reason: A part of the reason that is told.
        variables: What is different in the environment.
    """

    old: str
    new: str | bytes | Instead
    key: str
    line: str
    reason: str
    variables: dict[str, str] = {}  # noqa: RUF012 - no test changes it


def _more(table: str, key: str, value: str, reason: str, name: str | None = None) -> Broken:
    """A key more in a table; the reason is of the key, if no other name is given."""
    place = f"{table.strip('[]')}.{key}" if name is None else name
    return Broken(f"{table}\n", f"{table}\n{key} = {value}\n", place, f"{key} = ", reason)


def _other(old: str, new: str, key: str, reason: str, **variables: str) -> Broken:
    """Another line in place of one; the new one is blamed."""
    return Broken(old, new, key, new.split("\n", maxsplit=1)[0], reason, variables)


LIVE_KEY = 'api_key = { env = "LIVE_KEY" }'
SPARE_KEY = 'access_key = { env = "SPARE_ACCESS" }'
SPARE_SECRET = 'secret_key = { file = "{folder}/secret_key" }'
BASE_URL = 'base_url = "{base_url}"'
STORE_URL = 'url = "sqlite:///{folder}/journal.db"'
OVERRIDE = "the environment variable "

KINDS: dict[str, Broken] = {
    # The file itself.
    "no file": Broken("", Instead.NOTHING, "", "", "cannot be read"),
    "a folder": Broken("", Instead.FOLDER, "", "", "cannot be read"),
    "other bytes": Broken("", b"[server]\nhost = '\xff'\n", "", "", ":2: not UTF-8"),
    "too large": Broken("", b"#" * 2**21, "", "", "larger than 1048576 bytes"),
    "a NUL": Broken("", b"[server]\n\0", "", "", ":2: not valid TOML"),
    "no TOML": Broken("port = 8081", "port = ", "", "", ":2: not valid TOML"),
    "cut off": Broken("", '[server]\nhost = "127', "", "", ":2: not valid TOML"),
    "JSON": Broken("", '{"server": {}}', "", "", ":1: not valid TOML"),
    "a key twice": Broken("port = 8081", "port = 1\nport = 2", "", "", ":3: not valid TOML"),
    "a table twice": Broken("[recovery]", "[server]", "", "", ":9: not valid TOML"),
    # Keys that are none, at each level.
    "table": Broken("[recovery]", "[recovry]", "recovry", "[recovry]", "no such field here"),
    "top key": Broken("[server]", "prot = 1\n[server]", "prot", "prot = 1", "no such field here"),
    "server key": _other("port = 8081", "prot = 1", "server.prot", "known are body_timeout"),
    "store key": _more("[store]", "path", '"x"', "no such field here"),
    "recovery key": _more("[recovery]", "settling", "1", "no such field here"),
    "account key": _more("[accounts.live]", "region", '"eu"', "known are api_key"),
    "another adapter's key": _more("[accounts.live]", "secret_key", '"x"', "no such field here"),
    "routing key": _more("[routing]", "fallback", "[]", "no such field here"),
    "rule key": _other('name = "euro"', "wehn = {}", "routing.rules.0.wehn", "no such field here"),
    "condition": _other("weight = 50", "wieght = 5", "routing.rules.0.when.wieght", "no such field here"),
    # Wrong types and ranges.
    "text for a port": _other("port = 8081", 'port = "80"', "server.port", "Expected `int`"),
    "port too high": _other("port = 8081", "port = 65536", "server.port", "<= 65535"),
    "port below zero": _other("port = 8081", "port = -1", "server.port", ">= 0"),
    "host with a port": _more("[server]", "host", '"127.0.0.1:80"', "not an address or a host name"),
    "host that is a URL": _more("[server]", "host", '"http://gate"', "not an address or a host name"),
    "host that is empty": _more("[server]", "host", '""', "not an address or a host name"),
    "log level": _more("[server]", "log_level", '"loud"', "Invalid enum value"),
    "negative wait": _other(
        "idempotency_wait = 1.0", "idempotency_wait = -1", "server.idempotency_wait", ">= 0"
    ),
    "no rate": _more("[server]", "key_requests_per_minute", "-1", ">= 0"),
    "an account as a list": Broken(
        "[accounts.live]", "[[accounts.live]]", "accounts.live", "[[accounts.live]]", "Expected `object`"
    ),
    "negative time-out": _other(
        "connect_timeout = 4.5", "connect_timeout = -1", "accounts.live.connect_timeout", "> 0"
    ),
    "endless time-out": _other(
        "connect_timeout = 4.5", "connect_timeout = inf", "accounts.live.connect_timeout", "<= 3600"
    ),
    "time-out that is no number": _other(
        "connect_timeout = 4.5", 'connect_timeout = "4s"', "accounts.live.connect_timeout", "Expected `float`"
    ),
    "negative rate": _more("[accounts.live]", "requests_per_minute", "-1", ">= 0"),
    "nothing in flight": _more("[accounts.live]", "max_in_flight", "0", ">= 1"),
    "breaker that never closes": _more("[accounts.live]", "breaker_failures", "0", ">= 1"),
    "breaker without time": _more("[accounts.live]", "breaker_seconds", "0", "> 0"),
    "retention below 24 hours": _other(
        "retention_days = 7", "retention_days = 0", "store.retention_days", ">= 1"
    ),
    "part of a day": _other(
        "retention_days = 7", "retention_days = 0.5", "store.retention_days", "Expected `int`"
    ),
    # Accounts.
    "adapter that is none": _other(
        'adapter = "rapyd"', 'adapter = "paypol"', "accounts.spare.adapter", "There is no adapter 'paypol'"
    ),
    "no adapter": Broken(
        'adapter = "rapyd"\n', "", "accounts.spare.adapter", "[accounts.spare]", "The field is required"
    ),
    "environment that is none": _other(
        '"sandbox"', '"sandpit"', "accounts.spare.environment", "Invalid enum value 'sandpit'"
    )._replace(line="environment"),
    "no environment": Broken(
        'environment = "sandbox"\n', "", "accounts.spare.environment", "[accounts.spare]", "required"
    ),
    "a name with a blank": Broken(
        "[accounts.spare]", '[accounts."spa re"]', "accounts.spa re", "spa re", "letters, digits"
    ),
    "accept": _other('"existing"', '"some"', "accounts.spare.accept", "Invalid enum")._replace(line="accept"),
    "merchants that are nobody": _other(
        'merchants = ["acme"]', "merchants = []", "accounts.live.merchants", "Leave it out for everybody"
    ),
    "a merchant without a name": _other(
        'merchants = ["acme"]', 'merchants = [""]', "accounts.live.merchants.0", "length >= 1"
    ),
    "one merchant, no list": _other(
        'merchants = ["acme"]', 'merchants = "acme"', "accounts.live.merchants", "Expected `array"
    ),
    "emulator without an address": Broken(
        BASE_URL, "", "accounts.revkeen.base_url", "[accounts.revkeen]", "set base_url"
    ),
    "address of a production account": _more(
        "[accounts.live]", "base_url", '"https://api.revkeen.com/v2"', "remove base_url"
    ),
    "http in production": _more(
        "[accounts.live]", "base_url", '"http://api.revkeen.com/v2"', "remove base_url"
    ),
    "address without a scheme": _other(
        BASE_URL, 'base_url = "127.0.0.1:9000"', "accounts.revkeen.base_url", "matching regex"
    ),
    "address with a port that is none": _other(
        BASE_URL, 'base_url = "http://127.0.0.1:99999"', "accounts.revkeen.base_url", "Port out of range"
    ),
    "address with a password": _other(
        BASE_URL, 'base_url = "http://me:pw@127.0.0.1"', "accounts.revkeen.base_url", "no user"
    ),
    "address without a host": _other(BASE_URL, 'base_url = "http://:80"', "accounts.revkeen.base_url", "host"),
    "a provider's address for an emulator": _other(
        BASE_URL, 'base_url = "https://api.revkeen.com/v2"', "accounts.revkeen.base_url", "is no emulator"
    ),
    # Secrets.
    "literal secret": _other(
        LIVE_KEY, 'api_key = "rk_live_kept_out_of_sight"', "accounts.live.api_key", "must not contain a"
    ),
    "literal webhook secret": _other(
        'webhook_secrets = [{ env = "WEBHOOK_OLD" }, { env = "WEBHOOK_NEW" }]',
        'webhook_secrets = ["whsec_kept_out_of_sight_1"]',
        "accounts.live.webhook_secrets",
        "must not contain a",
    ),
    "no secret": Broken(LIVE_KEY, "", "accounts.live.api_key", "[accounts.live]", "The field is required"),
    "variable that is not set": _other(
        LIVE_KEY, 'api_key = { env = "NOT_SET" }', "accounts.live.api_key", "variable NOT_SET is not set"
    ),
    "variable that is empty": Broken(
        "", "", "accounts.live.api_key", LIVE_KEY, "LIVE_KEY is not set", {"LIVE_KEY": ""}
    ),
    "variable with a line end": Broken(
        "", "", "accounts.live.api_key", LIVE_KEY, "line ends", {"LIVE_KEY": "rk_live_kept_out_of_sight\n"}
    ),
    "file that is not there": _other(
        SPARE_SECRET, 'secret_key = { file = "/no/such" }', "accounts.spare.secret_key", "The file /no/such"
    ),
    "file that is a folder": _other(
        SPARE_SECRET, 'secret_key = { file = "/" }', "accounts.spare.secret_key", "The file / cannot be read"
    ),
    "file that never ends": _other(
        SPARE_SECRET, 'secret_key = { file = "/dev/zero" }', "accounts.spare.secret_key", "larger than"
    ),
    "file that is empty": _other(
        SPARE_SECRET, 'secret_key = { file = "/dev/null" }', "accounts.spare.secret_key", "is empty"
    ),
    "reference to nothing": _other(
        LIVE_KEY, 'api_key = { var = "LIVE_KEY" }', "accounts.live.api_key", "A reference is"
    ),
    "reference to two": _other(
        LIVE_KEY, 'api_key = { env = "LIVE_KEY", file = "/x" }', "accounts.live.api_key", "A reference is"
    ),
    "sandbox key in production": Broken(
        "", "", "accounts.live.api_key", LIVE_KEY, "begins with rk_live_", {"LIVE_KEY": "rk_sandbox_kept_out"}
    ),
    "production key in the sandbox": Broken(
        'environment = "production"',
        'environment = "sandbox"',
        "accounts.live.api_key",
        LIVE_KEY,
        "A key for sandbox begins with rk_sandbox_",
    ),
    "production key at an emulator": _other(
        'api_key = "{api_key}"', 'api_key = "rk_live_kept_out"', "accounts.revkeen.api_key", "begins with rk_sandbox_"
    ),
    "nothing but the prefix": Broken(
        "", "", "accounts.live.api_key", LIVE_KEY, "continues after rk_live_", {"LIVE_KEY": "rk_live_"}
    ),
    "one webhook secret twice": Broken(
        "",
        "",
        "accounts.live.webhook_secrets",
        "webhook_secrets = [{",
        "the same",
        {"WEBHOOK_NEW": VARIABLES["WEBHOOK_OLD"]},
    ),
    "one webhook secret twice, at an emulator": _other(
        'webhook_secrets = ["whsec_old", "whsec_new"]',
        'webhook_secrets = ["whsec_old", "whsec_old"]',
        "accounts.revkeen.webhook_secrets",
        "the same",
    ),
    "the key as a webhook secret": Broken(
        "",
        "",
        "accounts.live.webhook_secrets",
        "webhook_secrets = [{",
        "the API key",
        {"WEBHOOK_NEW": VARIABLES["LIVE_KEY"]},
    ),
    "the access key as the secret key": _other(
        SPARE_SECRET, 'secret_key = { env = "SPARE_ACCESS" }', "accounts.spare.secret_key", "is the access key"
    ),
    "a path for a webhook's address": _other(
        'webhook_url = "https://pay.example.com/hooks/spare"',
        'webhook_url = "/hooks/spare"',
        "accounts.spare.webhook_url",
        "the whole URL",
    ),
    "http for a webhook's address": _other(
        'webhook_url = "https://pay.example.com/hooks/spare"',
        'webhook_url = "http://pay.example.com/hooks/spare"',
        "accounts.spare.webhook_url",
        "begins with https://",
    ),
    "idempotency that is none": _more("[accounts.spare]", "idempotency", '"all"', "Invalid enum value 'all'"),
    # The store.
    "store of another kind": _other(STORE_URL, 'url = "mysql://db/x"', "store.url", "A store is sqlite:///FILE"),
    "two slashes": _other(STORE_URL, 'url = "sqlite://x.db"', "store.url", "A store is sqlite:///FILE"),
    "store without a file": _other(STORE_URL, 'url = "sqlite:///"', "store.url", "must be a file"),
    "store in memory": _other(STORE_URL, 'url = "sqlite:///:memory:"', "store.url", "must be a file"),
    "store that is a folder": _other(STORE_URL, 'url = "sqlite:////tmp"', "store.url", "is a directory"),
    "password in the store's URL": _other(
        STORE_URL, 'url = "postgresql://gate:kept_out_of_sight@db/gate"', "store.url", "must not contain a"
    ),
    "password as a parameter": _other(
        STORE_URL, 'url = "postgresql://db/gate?password=kept_out_of_sight"', "store.url", "must not contain a"
    ),
    "port of the database": _other(
        STORE_URL, 'url = "postgresql://a:5432,b:99999/gate"', "store.url", "outside 1 to 65535"
    ),
    "port of a referred database": _other(
        STORE_URL,
        'url = { env = "DATABASE" }',
        "store.url",
        "outside 1 to 65535",
        DATABASE="postgresql://gate:kept_out_of_sight@db:0/gate",
    ),
    "store's URL that is not set": _other(STORE_URL, 'url = { env = "NOT_SET" }', "store.url", "NOT_SET is not"),
    # The environment.
    "wrong override": Broken(
        "", "", "server.port", OVERRIDE, "Expected `int`", {"ORDERGATE_SERVER_PORT": "eighty"}
    ),
    "variable of a Kubernetes Service": Broken(
        "", "", "server.port", OVERRIDE, "enableServiceLinks: false", {"ORDERGATE_SERVER_PORT": "tcp://10.0.0.1:80"}
    ),
    "override out of range": Broken(
        "", "", "store.retention_days", OVERRIDE, ">= 1", {"ORDERGATE_STORE_RETENTION_DAYS": "0"}
    ),
    "override of the store": Broken(
        "", "", "store.url", OVERRIDE, "A store is", {"ORDERGATE_STORE_URL": "oracle://gate:kept_out_of_sight@x"}
    ),
    "override of no key": Broken(
        "", "", "server.prot", OVERRIDE, "known are ORDERGATE_SERVER_HOST", {"ORDERGATE_SERVER_PROT": "80"}
    ),
    # Routing.
    "default that is no account": _other(
        'default = ["revkeen", "live"]', 'default = ["revken"]', "routing.default", "no [accounts.revken]"
    ),
    "default that is no list": _other(
        'default = ["revkeen", "live"]', 'default = "revkeen"', "routing.default", "Expected `array`"
    ),
    "default twice the same": _other(
        'default = ["revkeen", "live"]', 'default = ["live", "live"]', "routing.default", "more than once"
    ),
    "rule to no account": _other(
        'use = ["spare", "live"]', 'use = ["spare", "gone"]', "routing.rules.0.use", "no [accounts.gone]"
    ),
    "rule without accounts": _other('use = ["revkeen"]', "use = []", "routing.rules.1.use", "length >= 1"),
    "rule without use": Broken(
        'use = ["revkeen"]', "", "routing.rules.1.use", "[[routing.rules]]", "The field is required"
    ),
    "rule to one account twice": _other(
        'use = ["spare", "live"]', 'use = ["live", "live"]', "routing.rules.0.use", "more than once"
    ),
    "two rules of one name": _other('name = "web"', 'name = "euro"', "routing.rules.1.name", "named 'euro' too"),
    "rule with a reserved name": _other('name = "web"', 'name = "default"', "routing.rules.1.name", "named"),
    "currency that is none": _other(
        'currency = ["EUR", "GBP"]', 'currency = ["EURO"]', "routing.rules.0.when.currency.0", "matching regex"
    ),
    "currency nobody has": _other(
        'currency = ["EUR", "GBP"]', 'currency = ["EUR", "XYZ"]', "routing.rules.0.when.currency", "XYZ is no"
    ),
    "gold": _other('currency = ["EUR", "GBP"]', 'currency = ["XAU"]', "routing.rules.0.when.currency", "XAU is no"),
    "country that is none": _other(
        'country = ["DE", "FR"]', 'country = ["DEU"]', "routing.rules.0.when.country.0", "matching regex"
    ),
    "country nobody knows": _other(
        'country = ["DE", "FR"]', 'country = ["DE", "UK"]', "routing.rules.0.when.country", "UK is not"
    ),
    "billing type": _other(
        "weight = 50", 'billing_type = ["often"]', "routing.rules.0.when.billing_type.0", "Invalid enum"
    ),
    "condition that nothing meets": _other(
        'currency = ["EUR", "GBP"]', "currency = []", "routing.rules.0.when.currency", "An empty list never matches"
    ),
    "range from above to below": _other(
        "total_lte = 10000", "total_lte = 99", "routing.rules.0.when.total_lte", "at least 100 and at most 99"
    ),
    "total below zero": _other("total_gte = 100", "total_gte = -1", "routing.rules.0.when.total_gte", ">= 0"),
    "total that no order has": _other(
        "total_gte = 100", "total_gte = 1000000000000000", "routing.rules.0.when.total_gte", "<= 999999999999999"
    ),
    "total with decimals": _other(
        "total_gte = 100", "total_gte = 10.5", "routing.rules.0.when.total_gte", "got `float`"
    ),
    "weight above a hundred": _other("weight = 50", "weight = 101", "routing.rules.0.when.weight", "<= 100"),
    "weight below zero": _other("weight = 50", "weight = -1", "routing.rules.0.when.weight", ">= 0"),
    "metadata key that no order has": Broken(
        "channel", "ordergate_order", "routing.rules.1.when.metadata.ordergate_order", "when = ", "never match"
    ),
    "metadata value that no order has": Broken(
        '["web"]', "[1.5]", "routing.rules.1.when.metadata.channel.0", "when = ", "Expected"
    ),
    # What is not safe where a provider is real.
    "settling sooner than the provider": _other(
        "settling_time = 60", "settling_time = 54.9", "accounts.live.settling_time", "up to 55 s"
    ),
    "settling sooner than Rapyd": _more("[accounts.spare]", "settling_time", "50", "Rapyd may accept a request"),
    "settling at once after a broken connection": _other(
        "closed_settling = 12.0", "closed_settling = 9.5", "recovery.closed_settling", "At least 10 is safe"
    ),
    "a person before anything can settle": _other(
        "person_after_hours = 24.0", "person_after_hours = 0.01", "recovery.person_after_hours", "[accounts.live]"
    ),
    "no late look to speak of": _other(
        "late_look_minutes = 15.0", "late_look_minutes = 0.5", "recovery.late_look_minutes", "At least 1 is safe"
    ),
}  # fmt: skip


class Place(NamedTuple):
    """Where the configuration stands, and what the right one says."""

    file: Path
    emulator: Emulator

    def filled(self, text: str) -> str:
        return (
            text.replace("{folder}", str(self.file.parent))
            .replace("{base_url}", self.emulator.base_url)
            .replace("{api_key}", self.emulator.credentials["api_key"])
        )

    def put(self, content: str | bytes | Instead) -> None:
        """Put this where the file was."""
        if self.file.is_dir():
            self.file.rmdir()
        self.file.unlink(missing_ok=True)
        match content:
            case Instead.FOLDER:
                self.file.mkdir()
            case bytes():
                self.file.write_bytes(content)
            case str():
                self.file.write_text(content)

    def breaks(self, broken: Broken) -> str:
        """Break the right configuration; return its text, if it still has any."""
        right = self.filled(RIGHT)
        content = broken.new
        if isinstance(content, str) and (broken.old or not content):
            old = self.filled(broken.old)
            assert old in right
            content = right.replace(old, content, 1)
        self.put(content)
        return content if isinstance(content, str) else ""


def mistaken(lines: list[str], place: Place, text: str, broken: Broken) -> str | None:
    """What is wrong with the sentences: one names the line or the variable, key and reason; none shows a secret."""
    if any("kept_out" in line for line in lines):
        return f"a secret is shown: {lines}"
    sentence = next((each for each in lines if broken.reason in each and f": {broken.key}" in each), None)
    if sentence is None:
        return f"not told: {lines}"
    if broken.line == OVERRIDE:
        return None if sentence.startswith(OVERRIDE + next(iter(broken.variables))) else sentence
    if not sentence.startswith(f"{place.file}:"):
        return sentence
    if broken.line:
        found = re.match(rf"{re.escape(str(place.file))}:(\d+): {re.escape(broken.key)}: ", sentence)
        if found is None or broken.line not in text.split("\n")[int(found[1]) - 1]:
            return sentence
    return None


@pytest.fixture
def provider() -> str:
    """The account that goes on working."""
    return "revkeen"


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, emulator: Emulator) -> Place:
    """A folder with everything that the right configuration refers to."""
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("ORDERGATE_CONFIG", str(tmp_path / "ordergate.toml"))
    (tmp_path / "secret_key").write_text("secret_kept_out_of_sight\n")
    return Place(tmp_path / "ordergate.toml", emulator)


def test_the_right_one_is_right(place: Place) -> None:
    """What the others are made from is accepted; what somebody may mean is a warning."""
    place.put(place.filled(RIGHT))

    done = CliRunner().invoke(check, ["--json"])

    assert done.exit_code == 0, done.output
    assert [warning.partition(" has ")[0] for warning in json.loads(done.stdout)["warnings"]] == [
        "routing: the rule euro",
        "routing: the rule web",
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_check_tells_the_place(place: Place, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """The check fails, and a sentence names the line, the key and the reason."""
    broken = KINDS[kind]
    text = place.breaks(broken)
    for name, value in broken.variables.items():
        monkeypatch.setenv(name, value)

    done = CliRunner().invoke(check, [])

    assert (done.exit_code, done.stdout) == (1, "")
    assert mistaken(done.stderr.splitlines(), place, text, broken) is None


async def test_none_comes_into_force(
    open_another: OpenShop, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A running gateway refuses each with the same sentences, keeps what it has, and takes orders all the while."""
    shop = await open_another()
    operator = await shop.another(None)
    place.put(place.filled(RIGHT))
    body_of(await operator.call("POST", RELOAD), 200)
    before = body_of(await operator.get("/v1/admin/config"), 200)
    wrong: dict[str, str | None] = {}

    for kind, broken in KINDS.items():
        text = place.breaks(broken)
        with monkeypatch.context() as variables:
            for name, value in broken.variables.items():
                variables.setenv(name, value)
            problem = problem_of(await operator.call("POST", RELOAD), 422, "invalid_request")
        wrong[kind] = mistaken([error["detail"] for error in problem["errors"]], place, text, broken)
        created = await shop.create()
        assert body_of(created, 201)["account"] == "revkeen"
        assert created.headers["ordergate-config"] == before["hash"], kind

    assert {kind: why for kind, why in wrong.items() if why} == {}
    assert body_of(await operator.get("/v1/admin/config"), 200) == before
    assert len(place.emulator.orders) == len(KINDS) >= 50


@pytest.mark.parametrize("kind", ["sandbox key in production", "wrong override"])
def test_the_command_itself(place: Place, kind: str) -> None:
    """As an operator calls it: exit 1, every sentence on stderr or, for machines, in one JSON document."""
    broken = KINDS[kind]
    text = place.breaks(broken)

    done = run("check", "--config", str(place.file), "--json", **broken.variables)

    assert done.returncode == 1, done.stderr
    assert mistaken(json.loads(done.stdout)["errors"], place, text, broken) is None


def test_everything_is_told_at_once(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mistakes of the types, of the accounts, of the environment and of the whole are one refusal."""
    monkeypatch.setenv("LIVE_KEY", "rk_sandbox_kept_out")
    monkeypatch.setenv("ORDERGATE_SERVER_PORT", "none")
    text = place.filled(RIGHT).replace("closed_settling = 12.0", "closed_settling = 1")
    text = text.replace('"DE", "FR"', '"UK"').replace('"spare", "live"', '"gone"')
    place.put(text.replace("retention_days = 7", "retention = 7"))

    done = CliRunner().invoke(check, [])

    keys = ["server.port", "store.retention", "accounts.live.api_key", "recovery.closed_settling"]
    keys += ["routing.rules.0.use", "routing.rules.0.when.country"]
    told = done.stderr.splitlines()
    assert len(told) == len(keys)
    assert not [key for key in keys if not any(f" {key}: " in line for line in told)]
