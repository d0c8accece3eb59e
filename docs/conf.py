"""How Sphinx builds these pages. Run it by ``tox -e docs``."""

from __future__ import annotations

import sys
from pathlib import Path

from mcp_sync._version import __version__

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "mcp_sync"
author = "mcp_sync contributors"
copyright = "2026, mcp_sync contributors"
version = release = __version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "from_the_code"]
exclude_patterns = ["_build"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
# The stored outputs are shown; `tox -e notebook` holds them to what a kernel gives.
nb_execution_mode = "off"

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
napoleon_numpy_docstring = False

html_theme = "furo"
html_title = f"mcp_sync {release}"
