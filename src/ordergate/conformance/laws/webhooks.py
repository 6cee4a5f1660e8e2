"""A webhook is accepted only if it is genuine, recent and unchanged; any event in it is read."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import chain
from random import Random
from typing import Any

import msgspec

from ordergate.conformance import answers
from ordergate.conformance.case import Case, GenuineWebhook
from ordergate.conformance.driver import START, InProcess
from ordergate.conformance.law import Laws, law, leave_out
from ordergate.conformance.laws.signing import notations
from ordergate.conformance.mutations import DAY, EARLY, LATE, mutated
from ordergate.conformance.walks import CHAIRS
from ordergate.conformance.world import timeless_world
from ordergate.domain.errors import Problem
from ordergate.domain.outcome import EventPage
from ordergate.domain.provider_event import ProviderEvent
from ordergate.spi.adapter import AdapterSettings
from ordergate.spi.secret import Secret
from ordergate.spi.webhooks import ReceivedWebhook

MANY = 4
MUTATED = 10_000


class WebhookLaws(Laws):
    """Never a forgery, never a crash."""

    @law
    def test_a_genuine_webhook_is_verified_and_read(self) -> None:
        """A genuine webhook is accepted, and its event is the author's."""
        provider = InProcess.of(self.case)
        for webhook in self._genuine():
            refused = _refusal(provider, webhook, "a genuine delivery")
            assert refused is None, f"a genuine delivery is refused: {refused}"
            assert self.case.adapter.read_event(webhook.delivery.body) == webhook.event

    @law
    def test_no_bit_of_a_webhook_can_change(self) -> None:
        """A webhook with any one flipped bit in the body or in its proof is refused."""
        provider = InProcess.of(self.case)
        for webhook in self._genuine():
            for name, (value,) in webhook.delivery.headers.items():
                for changed in _flipped(value.encode("latin-1")):
                    _refused(
                        provider, webhook, _with_header(webhook.delivery, name, changed.decode("latin-1"))
                    )
            for body in _flipped(webhook.delivery.body):
                _refused(provider, webhook, msgspec.structs.replace(webhook.delivery, body=body))

    @law
    def test_no_mutated_webhook_is_let_in(self) -> None:
        """Of ten thousand deliveries that chance has changed, in body, headers or time, every one is refused."""
        provider, chance = InProcess.of(self.case), Random(2031)  # noqa: S311 - the same in every run
        genuine = self._genuine()
        for number in range(MUTATED):
            other = mutated(genuine[number % len(genuine)], chance)
            _refused(provider, other, other.delivery)

    @law
    def test_a_webhook_is_proven_once(self) -> None:
        """A header of the proof that is missing, empty, doubled or padded, or a body cut or padded, is refused."""
        provider = InProcess.of(self.case)
        for webhook in self._genuine():
            delivery = webhook.delivery
            for name, (value,) in delivery.headers.items():
                others: list[tuple[str, ...]] = [(), ("",), (value, value), ("", value), (value, "x")]
                others += [
                    (value + " ",),
                    (" " + value,),
                    (value + "\u0661",),
                    (value + "\udcff",),
                    (value[:-1],),
                ]
                for values in others:
                    _refused(provider, webhook, _with_header(delivery, name, *values))
                rest = {other: kept for other, kept in delivery.headers.items() if other != name}
                _refused(provider, webhook, msgspec.structs.replace(delivery, headers=rest))
            for body in (
                b"",
                delivery.body[:-1],
                delivery.body + b"\n",
                b" " + delivery.body,
                delivery.body * 2,
            ):
                _refused(provider, webhook, msgspec.structs.replace(delivery, body=body))

    @law
    def test_only_the_configured_account_verifies(self) -> None:
        """Other secrets, no secrets, or a missing optional key of the account's table refuse every webhook."""
        provider = InProcess.of(self.case)
        for webhook in self._genuine():
            for wrong, settings in _other_accounts(webhook):
                other = msgspec.structs.replace(webhook, settings=settings)
                _refused(provider, other, webhook.delivery, wrong)

    @law
    def test_a_webhook_is_of_now(self) -> None:
        """A delivery that was signed long ago, or that will be signed tomorrow, is refused."""
        provider = InProcess.of(self.case)
        for webhook in self._genuine():
            for seconds in (LATE, 10 * 365 * DAY, -EARLY, -webhook.now):
                at = msgspec.structs.replace(webhook, now=webhook.now + seconds)
                _refused(provider, at, webhook.delivery, f"it arrived {seconds} seconds later")

    @law
    def test_an_unknown_type_is_read(self) -> None:
        """An event of an unknown type is read verbatim, and marked as unknown."""
        for webhook in self._genuine():
            read = [_read(self.case, body) for body in answers.strange(webhook.delivery.body)]
            strange = [event for event in read if event is not None and event.type == answers.STRANGER]
            assert strange, "an event of an unknown type cannot be read"
            for event in strange:
                assert not event.known, "an unknown type is taken for a known one"
                assert event.id == webhook.event.id

    @law
    def test_no_body_breaks_the_reading_of_events(self) -> None:
        """A body without an event is refused with a problem; one with any value wrong or missing is read or refused."""
        for webhook in self._genuine():
            good = webhook.delivery.body
            for body in chain(answers.WHOLE, answers.DEEP, answers.truncated(good)):
                assert _read(self.case, body) is None, f"an event was read in {body[:200]!r}"
            for body in chain(answers.spoiled(good), [answers.extended(good)]):
                _read(self.case, body)

    @law
    def test_webhooks_need_nothing_of_the_world(self) -> None:
        """To verify and to read calls no clock, draws no number and asks the system for nothing."""
        provider = InProcess.of(self.case)
        for webhook in self._genuine():
            with timeless_world():
                provider.verify(webhook.delivery, webhook.settings, webhook.now)
                self.case.adapter.read_event(webhook.delivery.body)

    @law
    def test_the_feed_tells_every_event_once(self) -> None:
        """With any page size, each event appears once, with its time and its order."""
        provider, made = self._fed()
        whole = provider.events(100)
        assert whole.next_cursor is None, "so few events do not fit on one page"
        assert made <= {event.provider_order_id for event in whole.events}, "an order has no event"
        for limit in (1, 2, 3, len(whole.events)):
            told = list(chain.from_iterable(page.events for page in _pages(provider, limit)))
            assert told == list(whole.events), f"pages of {limit} differ"
        ids = [event.id for event in whole.events]
        assert len(ids) == len(set(ids)), "an event is listed twice"
        assert all(event.known and event.occurred_at for event in whole.events)

    @law
    def test_the_feed_begins_where_it_is_asked_to(self) -> None:
        """A feed since a time omits earlier events, and no others."""
        provider, _ = self._fed()
        whole = provider.events(100).events
        for second in range(START, provider.now + 2):
            since = datetime.fromtimestamp(second, UTC)
            told = provider.events(100, since=since).events
            assert told == tuple(event for event in whole if event.occurred_at and event.occurred_at >= since)

    def _genuine(self) -> tuple[GenuineWebhook, ...]:
        webhooks = self.case.webhooks
        assert webhooks, "the case holds no genuine webhook to prove anything with"
        assert all(len(values) == 1 for webhook in webhooks for values in webhook.delivery.headers.values())
        return webhooks

    def _fed(self) -> tuple[InProcess, set[str]]:
        """Make some orders and pay them, seconds apart."""
        if not self.case.adapter.capabilities.event_feed:
            leave_out("declares no feed of events")
        provider = InProcess.of(self.case)
        made = set()
        for _ in range(MANY):
            order = provider.apply(provider.creation(CHAIRS)).order
            provider.pay(order, order.total)
            provider.now += 2
            made.add(order.provider_order_id)
        return provider, made


def _refusal(provider: InProcess, webhook: GenuineWebhook, said: str) -> Problem | None:
    try:
        provider.verify(webhook.delivery, webhook.settings, webhook.now)
    except Problem as problem:
        return problem
    except Exception as error:
        raise AssertionError(f"{said}: {type(error).__name__}: {error}") from error
    return None


def _refused(provider: InProcess, webhook: GenuineWebhook, delivery: ReceivedWebhook, why: str = "") -> None:
    """Check that a delivery is refused, with a sentence that gives no secret away."""
    said = why or f"{dict(delivery.headers)} {delivery.body[:200]!r}"
    problem = _refusal(provider, msgspec.structs.replace(webhook, delivery=delivery), said)
    assert problem is not None, f"a delivery that is not the provider's was accepted: {said}"
    assert problem.code == "bad_signature", f"{said} was refused with {problem}"
    assert problem.detail.endswith("."), f"{problem.detail!r} is no sentence"
    shown = [secret for secret in notations(webhook.settings) if secret and secret in str(problem)]
    assert not shown, "the refusal of a webhook shows a secret"


def _read(case: Case, body: bytes) -> ProviderEvent | None:
    """Read an event; None if it is rightly refused."""
    event: ProviderEvent | Problem
    try:
        event = case.adapter.read_event(body)
    except Problem as problem:
        event = problem
    except Exception as error:
        raise AssertionError(f"{type(error).__name__} at {body[:200]!r}: {error}") from error
    if isinstance(event, Problem):
        assert event.code in {"invalid_json", "invalid_request"}, f"{body[:200]!r} was refused with {event}"
        return None
    texts = (event.id, event.type, event.provider_order_id or "-", event.merchant or "-", *event.operations)
    assert all(text and "\0" not in text for text in texts), f"{event} cannot be journaled"
    assert msgspec.json.decode(msgspec.json.encode(event), type=ProviderEvent) == event
    return event


def _flipped(value: bytes) -> Iterator[bytes]:
    for place in range(len(value)):
        for bit in range(8):
            yield value[:place] + bytes([value[place] ^ 1 << bit]) + value[place + 1 :]


def _with_header(delivery: ReceivedWebhook, name: str, *values: str) -> ReceivedWebhook:
    headers: Mapping[str, tuple[str, ...]] = {**delivery.headers, name: values}
    return msgspec.structs.replace(delivery, headers=headers)


def _other_accounts(webhook: GenuineWebhook) -> Iterator[tuple[str, AdapterSettings]]:
    settings = webhook.settings
    yield "with other secrets", _with_secrets(settings, "another_")
    yield "with empty secrets", _with_secrets(settings, None)
    yield "with nothing that is optional", _required_alone(settings)
    yield from webhook.refused_with.items()


def _with_secrets(settings: AdapterSettings, prefix: str | None) -> AdapterSettings:
    """Replace every secret by itself with something before it, or by an empty one."""

    def other(value: Any) -> Any:
        if isinstance(value, Secret):
            return Secret("" if prefix is None else prefix + value.reveal())
        return tuple(map(other, value)) if isinstance(value, tuple | list) else value

    changed = {name: other(getattr(settings, name)) for name in settings.__struct_fields__}
    assert any(getattr(settings, name) != value for name, value in changed.items()), (
        "the account has no secret"
    )
    return msgspec.structs.replace(settings, **changed)


def _required_alone(settings: AdapterSettings) -> AdapterSettings:
    required = [field.name for field in msgspec.structs.fields(settings) if field.required]
    return type(settings)(**{name: getattr(settings, name) for name in required})


def _pages(provider: InProcess, limit: int) -> list[EventPage]:
    pages = [provider.events(limit)]
    while (cursor := pages[-1].next_cursor) is not None:
        assert len(pages) <= 100 * MANY, f"pages of {limit} do not end"
        pages.append(provider.events(limit, cursor))
    return pages
