"""How transactions speak to a store: they yield queries and are sent their rows."""

from collections.abc import Callable, Generator, Mapping, Sequence
from functools import wraps
from typing import Any, Generic, NamedTuple, ParamSpec, TypedDict, TypeVar, Unpack

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
P = ParamSpec("P")
Row = Sequence[Any]
Rows = Sequence[Row]


class Query(NamedTuple):
    """One statement, by its name in statements.sql or as text, and its named parameters.

    Attributes:
        single_statement: If the query is the first of its transaction and returns rows, it is the only one.
        usual: The usual answer; None if there is no such thing. If each query of a transaction has one, a store may
            send all of them at once. If an answer is another one, the store undoes them all and runs the transaction
            again, step by step.
    """

    statement: str
    parameters: dict[str, Any]
    single_statement: bool = False
    usual: Rows | None = None


class Batch(NamedTuple):
    """One statement for each of many sets of parameters; it is answered with no rows.

    In PostgreSQL, the statement's name ends with ``_batch`` and each parameter is an array.
    """

    statement: str
    parameters: list[dict[str, Any]]


Steps = Generator[Query | Batch, Rows, T]
"""The queries of a transaction, one after the other; each is answered with its rows."""


class Traits(TypedDict, total=False):
    """The attributes of a :class:`Transaction` that decide how a store runs it."""

    inline: bool
    listed: bool
    apart: bool
    records_events: bool
    erases: bool


class Transaction(Generic[T_co]):
    """A transaction that a store can run. The store may run its steps more than once, each time from the first.

    Attributes:
        name: The module and the function that made it, for example ``operations.claim``.
        arguments: The positional arguments of that function.
        options: The keyword arguments of that function.
        inline: Each step reads or writes a few rows by their index, so the event loop itself may run it.
        listed: The transaction reads a page of a list, which may visit many rows. Its time is limited.
        apart: The transaction has a connection of its own and waits for no other: it tests the database.
        records_events: The transaction may record events of orders.
        erases: After the transaction, the database's files contain no copy of the erased bytes.
    """

    __slots__ = (
        "_steps",
        "apart",
        "arguments",
        "erases",
        "inline",
        "listed",
        "name",
        "options",
        "records_events",
    )

    def __init__(
        self,
        name: str,
        steps: Callable[..., Steps[T_co]],
        arguments: tuple[Any, ...] = (),
        options: Mapping[str, Any] = {},
        *,
        inline: bool = False,
        listed: bool = False,
        apart: bool = False,
        records_events: bool = False,
        erases: bool = False,
    ) -> None:
        """Prepare a transaction. No step has run."""
        self.name = name
        self._steps = steps
        self.arguments = arguments
        self.options = options
        self.inline = inline
        self.listed = listed
        self.apart = apart
        self.records_events = records_events
        self.erases = erases

    def __iter__(self) -> Steps[T_co]:
        """Start the steps. Another transaction includes them with ``yield from``."""
        return self._steps(*self.arguments, **self.options)


def transaction(**traits: Unpack[Traits]) -> Callable[[Callable[P, Steps[T]]], Callable[P, Transaction[T]]]:
    """Turn a generator function of steps into a function that returns a :class:`Transaction`."""

    def decorate(steps: Callable[P, Steps[T]]) -> Callable[P, Transaction[T]]:
        name = f"{steps.__module__.rpartition('.')[2]}.{steps.__name__}"

        @wraps(steps)
        def prepare(*args: P.args, **kwargs: P.kwargs) -> Transaction[T]:
            return Transaction(name, steps, args, kwargs, **traits)

        return prepare

    return decorate


class RolledBack(Exception):  # noqa: N818 - it is how a transaction ends, and no error
    """Ends a transaction without changes; the transaction returns `result`."""

    def __init__(self, result: Any) -> None:
        """Keep the result."""
        super().__init__()
        self.result = result
