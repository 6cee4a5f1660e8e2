"""Links as CSV files."""

import pytest
from tests.unit.conftest import account

from ordergate.cli.link_files import LinkFile, csv_header, csv_lines
from ordergate.cli.session import operator
from ordergate.domain.link import Link
from ordergate.gateway.accounts.configuration import Configuration
from ordergate.journal.records.links import StoredLink

ACCOUNTS = [account(), account("rapyd-eu", "rapyd"), account("bolts", merchants=frozenset({"bolt"}))]
CONFIGURATION = Configuration(
    hash="x", accounts={each.name: each for each in ACCOUNTS}, default_route=("revkeen",)
)
CHAIR = Link(kind="products", id="CHAIR-1", account="revkeen", native="0d01")
CUSTOMER = Link(kind="customers", id="cust-42", account="rapyd-eu", native="cus_1")


def judged(text: str | bytes) -> list[tuple[int, str | None, str]]:
    """What is wrong, by line."""
    content = text.encode() if isinstance(text, str) else text
    errors = LinkFile(content).judge(CONFIGURATION, operator("test"), "acme")
    return [(error.line, error.column, error.code) for error in errors]


@pytest.mark.parametrize(
    "content",
    [
        b"kind,id,account,native\nproducts,CHAIR-1,revkeen,0d01\ncustomers,cust-42,rapyd-eu,cus_1\n",
        b"native,account,id,kind\n0d01,revkeen,CHAIR-1,products\ncus_1,rapyd-eu,cust-42,customers",
        b'\xef\xbb\xbfkind,id,account,native\r\nproducts,CHAIR-1,revkeen,0d01\r\n\r\n"customers",cust-42,rapyd-eu,cus_1\r\n',
        b"kind,id,revkeen,rapyd-eu\nproducts,CHAIR-1,0d01,\ncustomers,cust-42,,cus_1\n",
        b"rapyd-eu,id,kind,revkeen\n,CHAIR-1,products,0d01\ncus_1,cust-42,customers,\n",
        b" kind, id, account, native\nproducts,CHAIR-1,revkeen,0d01\ncustomers,cust-42,rapyd-eu,cus_1\n",
    ],
    ids=["plain", "other order", "excel", "a column each", "a column each, other order", "spaced header"],
)
def test_forms_of_a_file(content: bytes) -> None:
    """One link a line or a column for each account, in any order, with any line ends."""
    file = LinkFile(content)

    assert file.links == [CHAIR, CUSTOMER]
    assert file.judge(CONFIGURATION, operator("test"), "acme") == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [(1, None, "invalid_header")]),
        ("kind,id\n", [(1, None, "invalid_header")]),
        ("kind;id;account;native\n", [(1, None, "invalid_header")]),
        ("kind,id,account\n", [(1, None, "invalid_header")]),
        ("kind,id,revkeen,revkeen\n", [(1, None, "invalid_header")]),
        ("kind,id,revkeen,\n", [(1, None, "invalid_header")]),
        (
            b"kind,id,account,native\nproducts,ok,revkeen,x\nproducts,\xff,x,y\n",
            [(3, None, "invalid_encoding")],
        ),
        ('kind,id,account,native\nproducts,"a\nb,c,d\n', [(2, None, "invalid_csv")]),
        ("kind,id,revkeen,nowhere\n" + "products,x,1,2\n" * 3, [(1, "nowhere", "unknown_account")]),
        ("kind,id,revkeen\nproducts,x,provider:1\n", [(2, "revkeen", "invalid_value")]),
    ],
)
def test_files_that_are_wrong(text: str | bytes, expected: list[tuple[int, str | None, str]]) -> None:
    """What no file of links is, is said with its line."""
    assert judged(text) == expected


def test_every_line_that_is_wrong_is_named() -> None:
    """All of it at once, in the order of the lines."""
    lines = [
        "kind,id,account,native",
        "products,CHAIR-1,revkeen,0d01",
        "colours,CHAIR-1,revkeen,0d01",
        "products,provider:x,revkeen,0d01",
        "products,,revkeen,0d01",
        "products,CHAIR-1,nowhere,0d01",
        "products,CHAIR-1,bolts,0d01",
        "products,CHAIR-2,revkeen,",
        "products,CHAIR-3,revkeen",
        'products,"two\nlines",revkeen,x',
        "products,CHAIR-1,revkeen,0d02",
        "products,CHAIR-1,revkeen,0d01",
        f"products,CHAIR-4,revkeen,{'x' * 256}",
    ]

    assert judged("\n".join(lines)) == [
        (3, "kind", "invalid_value"),
        (4, "id", "invalid_value"),
        (5, "id", "invalid_value"),
        (6, "account", "unknown_account"),
        (7, "account", "unknown_account"),
        (8, "native", "invalid_value"),
        (9, None, "wrong_cells"),
        (10, "id", "invalid_value"),
        (12, "native", "conflicting_links"),
        (14, "native", "invalid_value"),
    ]


def test_a_contradiction_names_both_lines() -> None:
    """One id that is called two names at one account: the first line and the second are told."""
    file = LinkFile(b"kind,id,revkeen\nproducts,x,1\nproducts,y,1\nproducts,x,2\n")

    (error,) = file.judge(CONFIGURATION, operator("test"), "acme")

    assert (error.line, error.column) == (4, "revkeen")
    assert "line 2" in error.detail
    assert "'1'" in error.detail


def test_what_is_written_is_read_again() -> None:
    """Commas, quotes and letters of any script come back as they were."""
    links = [
        Link(kind="products", id=name, account="revkeen", native=name)
        for name in ('a,"b"', " x ", "椅子", "=1+1")
    ]
    rows = [
        StoredLink(merchant="acme", kind=x.kind, id=x.id, account=x.account, native=x.native) for x in links
    ]

    file = LinkFile((csv_header() + csv_lines(rows)).encode())

    assert file.links == links
    assert file.judge(CONFIGURATION, operator("test"), "acme") == []
