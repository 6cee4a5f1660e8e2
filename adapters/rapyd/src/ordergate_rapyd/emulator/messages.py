"""The texts of Rapyd's errors, by code.

Facts: Rapyd docs, "Order Errors", "Return Errors", "General Errors", "Troubleshooting Authentication and
Authorization Errors", and the error pages of payments, payment methods, refunds, coupons and addresses. The
texts are the provider's, slips included. A code without a text here answers with an empty ``message``.
"""

# ruff: noqa: RUF001 - quotation marks as the provider sends them

from collections.abc import Mapping

_ACCESS: Mapping[str, str] = {
    "MISSING_AUTHENTICATION_HEADERS": (
        "The request did not contain the required headers for authentication. The request was "
        "rejected. Corrective action: Add authentication headers."
    ),
    "UNAUTHENTICATED_API_CALL": (
        "The request was rejected due to an authentication issue. Corrective action: Check the status "
        "of your account in the 'Account Details' page of the Client Portal."
    ),
}

_GENERAL: Mapping[str, str] = {
    "ERROR_ADDRESS_GET": (
        "The request attempted an operation that requires an address, but the address was not found. "
        "The request was rejected. Corrective action: For the 'address' parameter, use a valid "
        "address ID."
    ),
    "ERROR_CUSTOMER_PAYMENT_METHOD_NOT_FOUND": (
        "The request attempted an operation that requires the default payment method of a customer, "
        "but the customer does not have a default payment method. The request was rejected."
    ),
    "ERROR_GET_CUSTOMER": (
        "The request attempted an operation that requires the ID of a customer, but the customer was "
        "not found. The request was rejected. Corrective action: Use the correct ID of the customer, "
        'a string starting with "cus_"'
    ),
    "INVALID_ADDRESS_PHONE_NUMBER": (
        "The request tried to add or update a phone number for an address, but the phone number is "
        "not in proper E.164 format or is not valid. The request was rejected. Corrective action: "
        "Submit the phone number in proper E.164 format."
    ),
    "INVALID_CUSTOMER_ID": (
        "The request attempted an operation that requires a valid customer ID, but the customer was "
        "not found. The request was rejected. Corrective action: Use the correct customer, or create "
        "a new customer."
    ),
    "INVALID_FIELDS": (
        "The request attempted an operation, but one of the fields contained a value that is not "
        "valid. The request was rejected. Corrective action: The name of the field appears at the end"
        " of the response code. Use a valid value."
    ),
    "INVALID_LIMIT": (
        "The request tried to retrieve a list of objects, but the 'limit' query parameter was not set"
        " to a valid value. The request was rejected. Corrective action: Set 'limit' to an integer "
        "between 1 and 100."
    ),
    "MISSING_INVALID_PARAMETERS": (
        "A parameter is missing or contains an invalid value. The request was rejected. Corrective "
        "action: Check all input parameters."
    ),
}

_ORDERS: Mapping[str, str] = {
    "ERROR_GET_LIST_ORDER": (
        "The request tried to retrieve an order for a customer or a return on an order, but the order"
        " was not found. The request was rejected. Corrective action: Use a valid order ID."
    ),
    "ERROR_GET_ORDER": (
        "The request attempted an operation that requires an order, but the order was not found. The "
        "request was rejected. Corrective action: Use the ID of a valid order, a string starting with"
        " ‘order’."
    ),
    "ERROR_INVALID_COUPON_TYPE": (
        "The request tried to add a coupon to an order, but the 'type' of the coupon was not 'once'. "
        "The request was rejected. Corrective action: Choose a coupon that has 'type' set to 'once.'"
    ),
    "ERROR_INVALID_ORDER_CURRENCY": (
        "The request tried to create an order, but the currency of the order items did not match the "
        "currency of the order. The request was rejected. Corrective action: For 'currency' in each "
        "object in the 'items' array, use the currency of the order."
    ),
    "ERROR_INVALID_ORDER_SHIPPING_ADDRESS": (
        "The request tried to create an order, but the order contained order items that are marked "
        "'shippable,' and there was no shipping address. When an order contains shippable items, the "
        "shipping address is required. The request was rejected. Corrective action: Add a shipping "
        "address."
    ),
    "ERROR_MISSING_CUSTOMER": (
        "The request tried to create an order, but the customer was not found. The request was "
        "rejected. Corrective action: For 'customer', provide the ID of a valid customer, a string "
        "starting with 'customer'."
    ),
    "ERROR_MISSING_ORDER_EMAIL": (
        "The request tried to create an order, but the 'email' of the customer was not found in the "
        "order or the 'customer' object. The request was rejected. Corrective action: Add the "
        "customer's email to the customer or the order."
    ),
    "ERROR_MISSING_ORDER_ITEMS": (
        "The request tried to create an order or a return against an order, but no items were added. "
        "An order requires at least one order item, and a return requires at least one return item. "
        "The request was rejected. Corrective action: Add one or more items."
    ),
    "ERROR_MISSING_PRODUCT_TOKEN": (
        "The request tried to create an order, but the SKU for an item was not found. The request was"
        " rejected. Corrective action: Use a valid SKU ID in the 'parent' field of the item."
    ),
    "ERROR_ORDER_COUPON_FIELD_NOT_UPDATABLE": (
        "The request tried to update a coupon for an order, but the order status was not 'new'. An "
        "order can only be updated when the status is 'new.' The request was rejected. Corrective "
        "action: Create a new order and add the coupon to it."
    ),
    "ERROR_ORDER_COUPON_INVALID_CURRENCY": (
        "The request tried to add an 'amount off' coupon to an order, but the curency was not "
        "recognized. The request was rejected. Corrective action: Set 'coupon' to the ID of a coupon "
        "that has 'currency' set to the same currency as the order."
    ),
    "ERROR_ORDER_INVALID_EMAIL": (
        "The request tried to create an order, but the format of the email address was incorrect, or "
        "no email address was found for the order or for the customer. The request was rejected. "
        "Corrective action: Use a valid email address for the customer or the order."
    ),
    "ERROR_ORDER_INVALID_STATUS": (
        "The request tried to update the status of an order, but the status offered was not valid. "
        "The request was rejected. Corrective action: Set the status to one of the valid values."
    ),
    "ERROR_ORDER_INVALID_TAX_PERCENT": (
        "The request tried to set the 'tax_percent' field of an order to a negative number. The "
        "request was rejected. Corrective action: Set the tax percent to zero or a positive number."
    ),
    "ERROR_ORDER_ITEM_INVALID_AMOUNT_NUMBER": (
        "The request tried to create an order, but the amount of an item was zero or negative. The "
        "amount must be a positive number. The request was rejected. Corrective action: For 'amount' "
        "in each object in the 'items' array, use a positive decimal number."
    ),
    "ERROR_ORDER_ITEM_INVALID_DISCOUNT": (
        "The request tried to process an order item that was subject to a discount, but the discount "
        "was based on a coupon that was not found. The request was rejected. Corrective action: "
        "Delete the discount from the order, then add a valid coupon."
    ),
    "ERROR_ORDER_ITEM_INVALID_TYPE": (
        "The request tried to create an order, but the 'type' of an order item was not recognized. "
        "The request was rejected. Corrective action: Set 'type' to one of the following values: "
        "'sku' or 'shipping'."
    ),
    "ERROR_ORDER_ITEM_MISSING_PARENT": (
        "The request tried to create an order, but a coupon or sku object was not found. The request "
        "was rejected. Corrective action: For each order item of type 'sku' in the 'items' array, use"
        " a valid SKU ID in the 'parent' field. For each order item of type 'coupon', use a valid "
        "coupon ID in the 'parent' field."
    ),
    "ERROR_ORDER_MISSING_CURRENCY": (
        "The request tried to create an order, but the 'currency' body parameter was blank or not "
        "found. The request was rejected. Corrective action: Use the correct 3-letter ISO 4217 code "
        "for the currency."
    ),
    "ERROR_ORDER_MISSING_SHIPPING_ITEM": (
        "The request tried to create an order, but the list of items in the order did not contain an "
        "item for shipping. The request was rejected. Corrective action: Add an item with 'type' set "
        "to 'shipping'. If the shipping is free, set 'amount' to 0."
    ),
    "ERROR_ORDER_MISSING_SKU_ITEM": (
        "The request tried to create an order, but the list of items in the order did not contain an "
        "SKU item. The request was rejected. Corrective action: Add an item with 'type' set to 'sku'."
    ),
    "ERROR_ORDER_SAME_SKU_PRESENT_IN_MORE_THAN_ONE_ORDER_ITEM": (
        "The request tried to create an order, but two or more order items had the same SKU. Each SKU"
        " object can appear only one time in the list of items. The request was rejected. Corrective "
        "action: Combine the quantities of all line items that refer to the same SKU object."
    ),
    "ERROR_ORDER_SHIPPING_ITEM_INVALID_QUANTITY": (
        "The request tried to create an order, but the quantity of shipping items was not correct. "
        "The request was rejected. Corrective action: In the list of items, set the 'quantity' field "
        "in the 'shipping' item to 1."
    ),
    "ERROR_ORDER_STATUS_DOES_NOT_ALLOW_RETURNS": (
        "The request tried to create a return against an order, but the status was 'created', "
        "'pending' or 'canceled'. The request was rejected. Corrective action: Check why an attempt "
        "was made to create a return against an order that was already fully returned or never "
        "delivered."
    ),
    "ERROR_ORDER_TAX_FIELD_NOT_UPDATABLE": (
        "The request tried to update the 'tax_percent' body parameter of an order, but the order "
        "status was not 'new'. An order can only be updated when the status is 'new.' The request was"
        " rejected. Corrective action: Create a new order and add the correct value to the "
        "'tax_percent' field."
    ),
    "ERROR_PAYMENT_COMPLETED_WITHOUT_ORDER_STATUS_UPDATE": (
        "The request to complete the payment was successful, but the status of the order was not "
        "updated.  Please contact Rapyd customer support for more information."
    ),
    "ERROR_PAY_ORDER": (
        "The request tried to pay an order, but the order was already paid. The request was rejected."
        " Corrective action: None. Determine why multiple attempts were made to pay the same order."
    ),
    "ERROR_PAY_ORDER_COMPLETED_WITHOUT_ORDER_STATUS_UPDATE": (
        "The request to pay the order was successful, but the status of the order was not updated.  "
        "Please contact Rapyd customer support for more information."
    ),
    "IDENTITY_PROOF_REQUIRED": (
        "The request tried to create an order, but validation of the customer's identity was required"
        " and was not found. The request was rejected. Corrective action: Verify the customer's "
        "identity."
    ),
}

_RETURNS: Mapping[str, str] = {
    "ERROR_CREATE_ORDER_RETURN_ITEM": (
        "The request tried to create a return against an order, but one of the items in the return "
        "could not be created. The request was rejected. Corrective action: Check all input "
        "parameters."
    ),
    "ERROR_GET_ORDER_RETURN": (
        "The request tried to retrieve a return on an order, but the order was not found. The request"
        " was rejected. Corrective action: Use the ID of a valid return, a string starting with "
        "'orre'."
    ),
    "ERROR_MISSING_ORDER_ID": (
        "The request attempted an operation that requires an order, but the order was not found. The "
        "request was rejected. Corrective action: Use the ID of a valid order, a string starting with"
        " 'order'."
    ),
    "ERROR_RETURN_ORDER_INVALID_ITEM_QUANTITY": (
        "The request tried to create a return against an order, but the quantity was missing or not a"
        " positive integer, or the item was already returned, or the item in the return does not "
        "match any item in the order. The request was rejected. Corrective action: Check all input "
        "fields."
    ),
    "ERROR_RETURN_ORDER_INVALID_ORDER": (
        "The request tried to create a return against an order, but the order was not found. The "
        "request was rejected. Corrective action: Use the ID of an order that is in 'paid', "
        "'fulfilled' or 'returned' status."
    ),
    "ERROR_RETURN_ORDER_INVALID_SHIPPING_ITEM": (
        "The request tried to create a return against an order, but the SKU was not found. The "
        "request was rejected. Corrective action: Set 'parent' in each object in the 'items' array to"
        " the ID of an SKU in the order."
    ),
    "ERROR_RETURN_ORDER_INVALID_TAX_ITEM": (
        "The request tried to create a return against an order, but the item was a tax item and was "
        "not found in the order. The request was rejected. Corrective action: Check all input fields."
    ),
    "ERROR_RETURN_ORDER_RETURN_ITEM": (
        "The request tried to create a return against an order, but the order item was not found in "
        "the order. The request was rejected. Corrective action: Check all input fields."
    ),
}

_RELATED: Mapping[str, str] = {
    "ERROR_3DS_AUTHENTICATION_FAILURE": (
        "The request tried to create a payment with a card that requires 3DS authentication, but the "
        "authentication failed. The request was rejected. Corrective action: Try the request again. "
        "If the error persists, assess the security risk."
    ),
    "ERROR_CREATE_PAYMENT_AMOUNT_EXCEEDS_MAXIMUM": (
        "The request tried to create a payment, but the amount was larger than what is allowed by the"
        " payment method. The request was rejected. Corrective action: Set 'amount' so that the "
        "amount is less than the 'max_amount' allowed for the currency in the payment method, as "
        "shown in the response to 'List Payment Methods by Country'."
    ),
    "ERROR_CREATE_PAYMENT_AMOUNT_LESS_THAN_MINIMUM": (
        "The request tried to create a payment, but the amount was smaller than what is allowed by "
        "the payment method. The request was rejected. Corrective action: Set 'amount' so that the "
        "amount is greater than the 'min_amount' allowed for the currency in the payment method, as "
        "shown in the response to 'List Payment Methods by Country'."
    ),
    "ERROR_CREATE_PAYMENT_CURRENCY_NOT_SUPPORTED": (
        "The request tried to create a payment, but the currency was not recognized or not supported "
        "by the payment method provided. The request was rejected. Corrective action: Choose a "
        "currency that is supported by the payment method, or choose a payment method that supports "
        "the currency."
    ),
    "ERROR_CREATE_PAYMENT_INSUFFICIENT_FUNDS": (
        "The request tried to create a payment, but there were insufficient funds for the "
        "transaction. The request was rejected. Corrective action: None. Contact the customer."
    ),
    "ERROR_CREATE_REFUND": (
        "The request tried to create a refund against a payment, but the operation failed. Corrective"
        " action: Verify that the payment exists and is not closed, and check all input parameters."
    ),
    "ERROR_CREATE_REFUND_PAYMENT_NOT_REFUNDABLE": (
        "The request tried to create a refund, but the payment method does not allow this operation. "
        "The request was rejected. Corrective action: Send the funds to the payer using ‘Create "
        "Payout’ or ‘Transfer Funds Between Wallets’, or contact Client Support."
    ),
    "ERROR_GET_COUPON": (
        "The request attempted an operation that requires the ID of a coupon, but the coupon was not "
        "found. The request was rejected. Corrective action: Use the ID of a valid coupon."
    ),
    "ERROR_GET_CUSTOMER_DEFAULT_PAYMENT_METHOD": (
        "The request attempted an operation that requires a customer's default payment method, but "
        "the default payment method was not found. The request was rejected. Corrective action: Use "
        "'Update Customer' to set the default payment method."
    ),
    "ERROR_GET_EWALLET_NOT_ENOUGH_FUNDS": (
        "The request tried to create a refund of a payment to one or more wallets, but one of the "
        "wallets did not have enough funds to complete the refund. The request was rejected. "
        "Corrective action: Fund the wallet with 'Create Payment' or transfer funds from another "
        "wallet using 'Transfer Funds Between Wallets'."
    ),
    "ERROR_GET_PAYMENT_METHOD": (
        "The request attempted an operation that requires the ID of a payment method, but the payment"
        " method was not found for the customer. The request was rejected. Corrective action: Add a "
        "valid payment method to the customer."
    ),
    "ERROR_INVALID_SKU_ID": (
        "The request attempted an operation that requires an SKU, but the SKU was not found. The "
        "request was rejected. Corrective action: Use a valid SKU ID."
    ),
    "IDEMPOTENCY_ERROR": (
        "The request tried to create a payment, but the 'idempotency' header was identical to that of"
        " another request made earlier. The request was rejected. Corrective action. Set "
        "'idempotency' to a unique value."
    ),
    "INVALID_ADDRESS_LINE_1": (
        "The request attempted an operation that requires an address, but Line 1 of the address was "
        "missing or contained special characters. The request was rejected. Corrective action: Use "
        "only alphabetic characters and spaces for 'line_1' in the 'address' object."
    ),
    "INVALID_ADDRESS_NAME": (
        "The request attempted an operation that requires an address, but the name associated with "
        "the address was missing or contained special characters. The request was rejected. "
        "Corrective action: Use only alphabetic characters and spaces for 'name' in the 'address' "
        "object."
    ),
    "INVALID_ADDRESS_ZIP": (
        "The request tried to create or update a customer's address, but the postal code was not "
        "valid. The request was rejected. Corrective action: Use the correct postal code."
    ),
    "INVALID_CUSTOMER_EMAIL": (
        "The request attempted an operation that requires a valid email address, but the information "
        "was not in proper email address format. The request was rejected. Corrective action: Use the"
        " correct format for an email address."
    ),
    "INVALID_PAYMENT_METHOD": (
        "The request tried to perform an operation that requires a payment method, but the payment "
        "method was not found. The request was rejected. Corrective action: Use the correct payment "
        "method ID or payment method object."
    ),
    "PAYMENT_NOT_COMPLETED": (
        "The request tried to create a refund, but the payment object on which the refund is based is"
        " not in 'closed' status. The request was rejected. Corrective action: Wait until the payment"
        " is closed, and then create the refund."
    ),
}

MESSAGES: Mapping[str, str] = {**_ACCESS, **_GENERAL, **_ORDERS, **_RETURNS, **_RELATED}
"""Every known text."""
