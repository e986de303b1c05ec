"""Sphinx's settings: `make docs`."""

import deeprank_mm

project = 'deeprank_mm'
author = copyright = 'The deeprank_mm authors'
release = version = deeprank_mm.__version__

extensions = [
    'myst_parser',
    'sphinx.ext.autodoc',
    'sphinx.ext.napoleon',
]
source_suffix = {'.md': 'markdown'}
exclude_patterns = ['results']
myst_heading_anchors = 3
nitpicky = False

autodoc_member_order = 'bysource'
autodoc_typehints = 'none'  # the docstrings say more
autodoc_class_signature = 'mixed'
autodoc_preserve_defaults = True
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True

html_theme = 'furo'
html_title = f'deeprank_mm {release}'
html_copy_source = False
html_show_sphinx = False
