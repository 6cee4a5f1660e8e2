"""The parts that every emulator shares: ids, stored responses, pages, switches, catalogs, events and data files."""

import msgspec
import pytest

from ordergate.spi.emulator import EmulatedResponse, InvalidControlError
from ordergate.spi.emulator_toolkit.catalogs import catalog_values, decode_catalog
from ordergate.spi.emulator_toolkit.events import PendingEvents
from ordergate.spi.emulator_toolkit.idempotency import IdempotencyStore, StoredResponse
from ordergate.spi.emulator_toolkit.identifiers import IdentifierStream
from ordergate.spi.emulator_toolkit.paging import cut_page
from ordergate.spi.emulator_toolkit.responses import json_response, with_default_headers
from ordergate.spi.emulator_toolkit.switches import change_switches, switch_values
from ordergate.spi.tables import load_table

ROWS = "abcdef"


class Switches(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    strict: bool = True
    omitted: tuple[str, ...] = ()


class Catalog(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    customers: list[str] = []


def draw(seed: int | str) -> list[str]:
    ids = IdentifierStream(seed)
    return [ids.uuid(), ids.hexadecimal(8), ids.characters("AB", 20)]


def test_equal_seeds_return_equal_identifiers() -> None:
    assert draw(7) == draw(7)
    assert draw(7) != draw("other")


def test_identifiers_have_the_length_that_was_asked_for() -> None:
    uuid, digits, characters = draw(0)

    assert uuid[14] == "4"
    assert len(digits) == 8
    assert len(characters) == 20
    assert set(characters) <= {"A", "B"}


def stored(at: float) -> StoredResponse:
    return StoredResponse(at, b"{}", EmulatedResponse(status=201))


def test_a_response_is_found_until_its_lifetime_is_over() -> None:
    store = IdempotencyStore[str]()
    store.store("key", stored(100))

    assert store.find("key", 159.9, 60) == stored(100)
    assert store.find("key", 160, 60) is None
    assert store.find("other", 100, 60) is None


def test_a_response_replaces_the_earlier_one_and_can_be_discarded() -> None:
    store = IdempotencyStore[str]()
    store.store("key", stored(100))
    store.store("key", stored(200))
    assert store.find("key", 200, 60) == stored(200)

    store.discard("key")
    store.discard("absent")
    assert store.find("key", 200, 60) is None


def test_expired_responses_are_discarded_oldest_first() -> None:
    store = IdempotencyStore[str]()
    for key, at in (("first", 100), ("second", 150), ("first", 170)):
        store.store(key, stored(at))

    store.discard_expired(215, 60)

    assert store.find("second", 150, 60) is None
    assert store.find("first", 170, 60) == stored(170)


@pytest.mark.parametrize(
    ("after", "before", "page", "has_more"),
    [
        (None, None, "ab", True),
        (3, None, "ef", False),
        (5, None, "", False),
        (None, 3, "bc", True),
        (None, 2, "ab", False),
        (0, 4, "bc", True),
        (4, 1, "", False),
    ],
)
def test_a_page_is_between_its_cursors(
    after: int | None, before: int | None, page: str, has_more: bool
) -> None:
    found = cut_page(ROWS, after=after, before=before, limit=2)

    assert "".join(found.rows) == page
    assert found.has_more is has_more


def test_the_filter_applies_before_the_limit_and_not_to_the_cursor() -> None:
    found = cut_page(ROWS, after=1, before=None, limit=2, matches=lambda row: row in "adf")

    assert list(found.rows) == ["d", "f"]
    assert not found.has_more


def test_named_switches_change_and_the_others_keep_their_values() -> None:
    changed = change_switches(Switches(strict=False), {"omitted": ["order.paid"]})

    assert changed == Switches(strict=False, omitted=("order.paid",))
    assert switch_values(changed) == {"strict": False, "omitted": ["order.paid"]}


@pytest.mark.parametrize("changes", [{"unknown": 1}, {"strict": "maybe"}])
def test_an_unknown_switch_or_a_wrong_value_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(InvalidControlError, match="These switches cannot be set"):
        change_switches(Switches(), changes)


def test_a_catalog_is_decoded_from_its_own_values() -> None:
    catalog = Catalog(["cus_1"])

    assert decode_catalog(msgspec.json.encode(catalog_values(catalog)), Catalog) == catalog


@pytest.mark.parametrize("document", [b"", b"[]", b'{"other": 1}', b"\xff", b"[" * 100_000])
def test_a_document_that_is_no_catalog_is_refused(document: bytes) -> None:
    with pytest.raises(InvalidControlError, match="This is not a catalog"):
        decode_catalog(document, Catalog)


def test_pending_events_are_taken_once_and_oldest_first() -> None:
    events = PendingEvents[str]()
    assert not events.wanted

    events.add("first")
    events.add("second")

    assert events.take() == ["first", "second"]
    assert events.take() == []


def test_default_headers_replace_none_that_the_response_has() -> None:
    response = json_response({"id": 1}, 201, {"Retry-After": "1"})
    response = with_default_headers(response, {"Retry-After": "9", "Version": "2"})

    assert response.status == 201
    assert response.body == b'{"id":1}'
    assert response.headers == {"Content-Type": "application/json", "Retry-After": "1", "Version": "2"}


def test_a_table_that_the_package_does_not_contain_is_an_error() -> None:
    with pytest.raises(FileNotFoundError):
        load_table("ordergate.spi", "absent.toml", dict[str, str])
