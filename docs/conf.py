"""Sphinx: Markdown in the four kinds of Diátaxis; `make docs` builds it, warnings are errors."""

project = "Headwater"
html_title = "Headwater"
html_theme = "furo"
extensions = ["myst_parser"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
html_show_copyright = False
html_show_sphinx = False
html_copy_source = False
