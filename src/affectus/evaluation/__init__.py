"""Metrics with exact definitions, intervals, calibration."""
