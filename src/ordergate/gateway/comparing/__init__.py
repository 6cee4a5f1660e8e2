"""Comparisons of providers: translations, comparisons, shadow."""
