"""The catalog that an emulator starts with."""

from collections.abc import Iterator, Mapping

from ordergate_rapyd.emulator.catalog import Catalog, Coupon, Customer, PaymentMethod, Sku
from ordergate_rapyd.emulator.identifiers import Identifiers

DECLINES: Mapping[str, str] = {
    "ERROR_CREATE_PAYMENT_INSUFFICIENT_FUNDS": "the card's account does not hold enough",
    "ERROR_CARD_EXPIRED": "the card has expired",
    "ERROR_3DS_AUTHENTICATION_FAILURE": "3-D Secure fails at once",
    "ERROR_CREATE_PAYMENT_AMOUNT_LESS_THAN_MINIMUM": "every amount is too small",
    "ERROR_CREATE_PAYMENT_AMOUNT_EXCEEDS_MAXIMUM": "every amount is too large",
    "ERROR_CREATE_PAYMENT_CURRENCY_NOT_SUPPORTED": "no currency is supported",
    "ERROR_CARD_NOT_AUTHENTICATED": "the card is not authenticated",
    "ERROR_CARD_TRANSACTION_AMOUNT": "the card's limit for one transaction is exceeded",
    "ERROR_CARD_TRANSACTION_FREQUENCY": "the card's limit of transactions is exceeded",
    "ERROR_BANK_IDENTIFIER_MISMATCH": "the card's bank identifier does not match",
    "ERROR_AMOUNT_NOT_VALID": "no amount is valid",
    "REQUEST_DECLINED": "fraud protection declines",
    "REQUEST_UNDER_REVIEW": "fraud protection reviews",
}
"""The payment-level codes that a card declines with. Rapyd docs, "Payment Errors", "General Errors" and
"Rapyd Protect Errors"."""


def stock_catalog(ids: Identifiers) -> Catalog:
    """Return the catalog; the first customer, the first three SKUs and the first method need nothing more."""
    shopper, no_email, no_method, unproven = (ids.object_id("cus") for _ in range(4))
    methods = [*_cards(ids, shopper), *_other_methods(ids, shopper), *_default_cards(ids, no_email, unproven)]
    defaults = {method.customer: method.id for method in reversed(methods)}
    customers = (
        Customer(
            id=shopper,
            about="has an email and a default card without 3-D Secure; owns every special payment method",
            email="johndoe@example.com",
            default_payment_method=defaults[shopper],
        ),
        Customer(
            id=no_email,
            about="has no email: orders must bring one",
            default_payment_method=defaults[no_email],
        ),
        Customer(id=no_method, about="has no payment method", email="janedoe@example.com"),
        Customer(
            id=unproven,
            about="has to prove an identity first: creating an order is refused",
            email="unproven@example.com",
            default_payment_method=defaults[unproven],
            identity_proof_required=True,
        ),
    )
    return Catalog(
        customers=customers,
        skus=tuple(_skus(ids)),
        coupons=tuple(_coupons(ids)),
        payment_methods=methods,
    )


def _skus(ids: Identifiers) -> Iterator[Sku]:
    yield Sku(id=ids.object_id("sku"), about="Deluxe Gamer's Chair", currency="USD", price=20_000)
    yield Sku(id=ids.object_id("sku"), about="Desk Lamp", currency="USD", price=4_999)
    yield Sku(id=ids.object_id("sku"), about="Desk Mat", currency="USD", price=1_950)
    yield Sku(
        id=ids.object_id("sku"),
        about="Standing Desk: shippable, orders need a shipping address",
        currency="USD",
        price=60_000,
        shippable=True,
    )


def _coupons(ids: Identifiers) -> Iterator[Coupon]:
    yield Coupon(id=ids.object_id("coupon"), about="10 % off", percent_off=10)
    yield Coupon(id=ids.object_id("coupon"), about="5 USD off", amount_off=500, currency="USD")
    yield Coupon(id=ids.object_id("coupon"), about="5 EUR off", amount_off=500, currency="EUR")
    yield Coupon(id=ids.object_id("coupon"), about="unsuitable: for ever", duration="forever", percent_off=10)
    yield Coupon(
        id=ids.object_id("coupon"), about="unsuitable: three months", duration_in_months=3, percent_off=10
    )
    yield Coupon(
        id=ids.object_id("coupon"),
        about="unsuitable: five uses",
        discount_duration_in_uses=5,
        percent_off=10,
    )


def _cards(ids: Identifiers, customer: str) -> Iterator[PaymentMethod]:
    card = "us_visa_card"
    yield PaymentMethod(
        id=ids.object_id("card"), about="pays by itself, without 3-D Secure", customer=customer, type=card
    )
    yield PaymentMethod(
        id=ids.object_id("card"),
        about="needs 3-D Secure within 15 minutes",
        customer=customer,
        type=card,
        behaviour="3ds",
    )
    for code, reason in DECLINES.items():
        yield PaymentMethod(
            id=ids.object_id("card"),
            about=f"declines: {reason}",
            customer=customer,
            type=card,
            behaviour="declines",
            error_code=code,
        )
    yield PaymentMethod(
        id=ids.object_id("card"),
        about="is accepted, and fails instead of closing",
        customer=customer,
        type=card,
        behaviour="fails_later",
        error_code="ERROR_CREATE_PAYMENT_INSUFFICIENT_FUNDS",
    )
    yield PaymentMethod(
        id=ids.object_id("card"),
        about="takes the money, answers an error, and leaves the order as it was",
        customer=customer,
        type=card,
        behaviour="charged_without_order_update",
    )


def _other_methods(ids: Identifiers, customer: str) -> Iterator[PaymentMethod]:
    yield PaymentMethod(
        id=ids.object_id("other"),
        about="bank redirect: waits for completion",
        customer=customer,
        type="nl_ideal_bank",
        category="bank_redirect",
        behaviour="non_card",
    )
    yield PaymentMethod(
        id=ids.object_id("other"),
        about="bank transfer: waits for completion",
        customer=customer,
        type="de_transfer_bank",
        category="bank_transfer",
        behaviour="non_card",
    )
    yield PaymentMethod(
        id=ids.object_id("other"),
        about="cash: waits for completion, cannot be refunded",
        customer=customer,
        type="us_store_cash",
        category="cash",
        behaviour="non_card",
        refundable=False,
    )
    yield PaymentMethod(
        id=ids.object_id("other"),
        about="wallet: completing it takes the money, answers an error, and leaves the order as it was",
        customer=customer,
        type="us_wallet_ewallet",
        category="ewallet",
        behaviour="completed_without_order_update",
    )
    yield PaymentMethod(
        id=ids.object_id("other"),
        about="cash: cannot be tokenized, so orders cannot be paid with it",
        customer=customer,
        type="us_voucher_cash",
        category="cash",
        behaviour="non_card",
        tokenizable=False,
    )


def _default_cards(ids: Identifiers, *customers: str) -> Iterator[PaymentMethod]:
    for customer in customers:
        yield PaymentMethod(
            id=ids.object_id("card"),
            about="pays by itself, without 3-D Secure",
            customer=customer,
            type="us_visa_card",
        )
