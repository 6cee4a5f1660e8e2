"""The signed bytes are the sent bytes, and credentials are visible nowhere."""

from base64 import b64encode
from urllib.parse import quote

import msgspec

from ordergate.conformance.case import Case
from ordergate.conformance.driver import InProcess
from ordergate.conformance.law import Laws, law
from ordergate.conformance.walks import CHAIRS, corpus
from ordergate.domain.commands import Command
from ordergate.domain.errors import Problem
from ordergate.spi.secret import Secret
from ordergate.spi.wire import WireRequest, WireResponse

CHANGES: dict[str, object] = {"method": "PUT", "path": "/elsewhere?limit=1", "body": b'{"amount":1}'}
"""The parts that a signature must cover."""


class SigningLaws(Laws):
    """Signed over the exact bytes."""

    @law
    def test_signing_changes_headers_alone(self) -> None:
        """Signing adds headers to a request, and leaves its method, path, body and meaning as they were."""
        for conversation in corpus(self.case):
            for exchange in conversation.exchanges:
                planned, signed = exchange.planned, exchange.signed
                assert signed.headers[: len(planned.headers)] == planned.headers
                assert len(signed.headers) > len(planned.headers), "a request is sent without credentials"
                assert msgspec.structs.replace(signed, headers=planned.headers) == planned, (
                    f"signing changed {planned.method} {planned.path}"
                )

    @law
    def test_a_signature_covers_what_is_sent(self) -> None:
        """In a signed request, another method, path, query or byte of the body has another signature."""
        case, provider = self.case, InProcess.of(self.case)
        _, request = provider.begin(provider.creation(CHAIRS))
        if not _signs(case, provider, request):
            return
        signed = provider.sign(request)
        for name, other in CHANGES.items():
            changed = provider.sign(msgspec.structs.replace(request, **{name: other}))
            assert changed.headers != signed.headers, f"the signature does not cover the {name}"
            tampered = msgspec.structs.replace(signed, **{name: other})
            answer = provider.send(tampered)
            assert answer.status >= 400, f"the emulator took a signed request with another {name}"

    @law
    def test_signing_is_pure(self) -> None:
        """The same request, settings, time and nonce have the same headers; a stale signature is renewed."""
        case, provider = self.case, InProcess.of(self.case)
        _, request = provider.begin(provider.creation(CHAIRS))
        sign = case.adapter.sign
        first = sign(request, provider.settings, provider.now, "00ff")

        assert first == sign(request, provider.settings, provider.now, "00ff")
        if _signs(case, provider, request):
            assert first != sign(request, provider.settings, provider.now + 60, "00ff"), (
                "the time is not signed"
            )
            assert first != sign(request, provider.settings, provider.now, "ff00"), "the nonce is not signed"

    @law
    def test_secrets_are_masked(self) -> None:
        """Settings print and encode every secret as asterisks, and every credential is a secret."""
        provider = InProcess.of(self.case)
        settings = provider.settings
        printed = [repr(settings), str(settings), f"{settings}"]
        for name, value in provider.description.credentials.items():
            assert isinstance(getattr(settings, name), Secret), f"the credential {name} is no Secret"
            for text in printed:
                assert value not in text, f"printing the settings shows {name}"

    @law
    def test_secrets_stay_in_headers(self) -> None:
        """No secret is in a path, a body, a notice, an outcome or a problem, in any notation."""
        provider = InProcess.of(self.case)
        secrets = notations(provider.settings)
        assert secrets
        for conversation in corpus(self.case):
            seen = [repr(conversation.outcome)]
            for exchange in conversation.exchanges:
                seen += [
                    exchange.signed.path,
                    exchange.signed.body.decode("latin-1"),
                    repr(exchange.signed.notices),
                    repr(exchange.planned),
                ]
            seen += [repr(outcome) for outcome in _refused(provider, conversation.command)]
            seen += _problems(provider)
            for text in seen:
                shown = [secret for secret in secrets if secret in text]
                assert not shown, f"{type(conversation.command).__name__} shows a secret"


def _signs(case: Case, provider: InProcess, request: WireRequest) -> bool:
    """Whether the headers are a signature, and not the same credentials each time."""
    sign, settings = case.adapter.sign, provider.settings
    return sign(request, settings, provider.now, "00ff") != sign(request, settings, provider.now + 60, "ff00")


def notations(settings: object) -> set[str]:
    """Return every secret of the settings, in each notation in which it could appear."""
    values = [getattr(settings, name) for name in settings.__struct_fields__]  # type: ignore[attr-defined]
    nested = [value if isinstance(value, tuple | list) else (value,) for value in values]
    secrets = [value.reveal() for row in nested for value in row if isinstance(value, Secret)]
    return {
        text
        for secret in secrets
        for text in (
            secret,
            quote(secret, safe=""),
            b64encode(secret.encode()).decode(),
            secret.encode().hex(),
        )
    }


def _refused(provider: InProcess, command: Command) -> list[object]:
    outcomes: list[object] = []
    for status in (400, 401, 500):
        plan, _ = provider.begin(command)
        failure = provider.emulator.failure(status, float(provider.now))
        try:
            outcomes.append(plan.send(WireResponse(status=status, body=failure.body)))
        except StopIteration as end:
            outcomes.append(end.value)
    return outcomes


def _problems(provider: InProcess) -> list[str]:
    try:
        provider.create(CHAIRS, extension={"no_such_field": 1})
    except Problem as problem:
        return [str(problem), repr(problem), repr(problem.errors), repr(problem.provider)]
    return []
