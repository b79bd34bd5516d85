"""Instruments and outcome rules."""
