"""Settings of Sphinx, which makes the pages; `make docs` runs it (scripts/docs.sh)."""

import re
from pathlib import Path

# Relative to the repository: Sphinx reads this file from docs/, the pages from build/docs-src/.
CMAKE = Path(__file__).resolve().parent.parent / "CMakeLists.txt"

project = "Flockstep"
author = copyright = "Flockstep contributors"
version = release = re.search(r"project\(flockstep VERSION ([0-9.]+)", CMAKE.read_text())[1]

extensions = ["myst_parser"]
myst_heading_anchors = 3  # links to headings are checked
nitpicky = True

html_theme = "furo"  # brings its own fonts and scripts: the pages need no network, and the search works from disk
html_title = f"Flockstep {version}"
html_copy_source = html_show_sourcelink = False
html_static_path = []
