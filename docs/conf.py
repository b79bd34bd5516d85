"""Sphinx configuration."""

project = "outcomemodels"
author = "The outcomemodels developers"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
html_theme = "pydata_sphinx_theme"
html_title = "outcomemodels"
html_show_sourcelink = False
html_sidebars = {"index": []}
exclude_patterns = ["_build"]
autodoc_typehints = "description"
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
suppress_warnings = ["myst.xref_missing"]
