"""Rapyd Collect as a state machine: orders, their payments and their returns, without sockets or a clock."""

from ordergate_rapyd.emulator.catalog import Catalog, Coupon, Customer, PaymentMethod, Sku
from ordergate_rapyd.emulator.provider import RapydEmulator
from ordergate_rapyd.emulator.switches import Switches

__all__ = ["Catalog", "Coupon", "Customer", "PaymentMethod", "RapydEmulator", "Sku", "Switches"]
