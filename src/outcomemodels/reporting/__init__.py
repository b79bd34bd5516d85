"""Answers, audit and diagnostics as tables, pictures and one HTML file."""
