"""Answers, audit and diagnostics as tables, pictures and one HTML file."""

from outcomemodels.reporting.content import Report, default_questions, gather
from outcomemodels.reporting.html import render, write_report

__all__ = ["Report", "default_questions", "gather", "render", "write_report"]
