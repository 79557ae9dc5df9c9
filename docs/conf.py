"""The site of the documentation: `make docs` builds it, warnings are errors."""

from __future__ import annotations

from typing import Any

import arbkit

project = "arbkit"
author = "The arbkit authors"
version = release = arbkit.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]
exclude_patterns = ["_build", "img"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
# In a docstring `name` is code.
default_role = "code"

myst_enable_extensions = ["deflist", "dollarmath"]
myst_heading_anchors = 4

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_class_signature = "mixed"
autodoc_default_options = {"members": True, "show-inheritance": True}
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_attr_annotations = False
napoleon_use_rtype = False

html_theme = "furo"
html_title = f"arbkit {release}"
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#1f5fbf", "color-brand-content": "#1f5fbf"},
    "dark_css_variables": {"color-brand-primary": "#72a7f5", "color-brand-content": "#72a7f5"},
}
html_show_sphinx = False
copybutton_prompt_text = r"\$ "
copybutton_prompt_is_regexp = True


# Names of attributes and callbacks occur in several packages; a reference by name alone stays text.
suppress_warnings = ["ref.python"]


def _links_on_the_site(app: Any, page: str, text: list[str]) -> None:
    """Turn links that work in a checkout into links of the site: the benchmarks' page is included here."""
    text[0] = text[0].replace("](../benchmarks/README.md", "](benchmarks.md").replace("](../docs/", "](")


def setup(app: Any) -> None:
    """Connect what changes pages while they are read."""
    app.connect("source-read", _links_on_the_site)
    app.connect("include-read", lambda app, path, page, text: _links_on_the_site(app, page, text))
