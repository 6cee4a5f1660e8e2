"""Describes the next step of an operation, for the person who operates the gateway."""

from collections.abc import Collection

from ordergate.domain.lifecycle import OperationKind, ReviewReason, accepted_with
from ordergate.domain.provider_order import OPERATION_MARK
from ordergate.journal.records.operations import Existing, Operation


def next_step_of(existing: Existing, concerns: Collection[ReviewReason] = ()) -> str:
    """Return one or two sentences.

    Args:
        existing: The operation, and its answer to give again.
        concerns: The review reasons of its order that the provider's data does not show.
    """
    operation = existing.operation
    if operation.settled:
        return _settled(existing, concerns)
    if operation.state == "unknown":
        return _unknown(operation)
    if operation.attempts:
        return "It is in progress; if its process dies, another one takes it over without your help."
    return "It was accepted; a gateway that serves from this journal sends it without your help."


def _settled(existing: Existing, concerns: Collection[ReviewReason]) -> str:
    operation = existing.operation
    if operation.state == "succeeded" and ReviewReason.LATE_WRITE in concerns:
        return (
            "Needs a person: the provider applied it after it had been recorded as not applied. Check the writes "
            f"that were made in its place, and cancel or refund the excess. Then: {_acceptance(operation)}"
        )
    if operation.state == "succeeded" and accepted_with(operation.kind, concerns):
        return (
            f"Its order is in review because of it. An operator accepts that with: {_acceptance(operation)}"
        )
    if operation.state == "succeeded":
        return "Nothing: it was applied. A repeat of its key gets the same answer."
    if existing.response is not None:
        return "Nothing: it was not applied. A repeat of its key gets the same refusal."
    return "Nothing by itself: it was not applied. A repeat of its key sends it again."


def _acceptance(operation: Operation) -> str:
    return f"ordergate operations resolve {operation.id} --as applied --evidence TEXT"


def _unknown(operation: Operation) -> str:
    if not operation.needs_person:
        return "A gateway that serves from this journal probes it again without your help; a probe changes nothing."
    where = (
        f"whether an order has the metadata {OPERATION_MARK} = {operation.id}"
        if operation.kind is OperationKind.CREATE
        else f"whether the {operation.kind} of {operation.order} happened"
    )
    return (
        f"Needs a person: have it probed again with ordergate operations recheck {operation.id}, or check at the "
        f"provider {where}. Then: ordergate operations resolve {operation.id} --as applied or --as not-applied, "
        "--evidence TEXT"
    )
