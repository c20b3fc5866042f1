"""Alerts: what is new, broken or wrong, sent to where people are."""
