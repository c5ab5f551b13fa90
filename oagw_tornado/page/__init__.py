"""The live page: its files, and the figures that keep it up to date.

`assets` are plain ES modules and style sheets, served as they are; ``plot.js`` and ``plot.css`` stand alone, so that a
report which is one file can hold them too. Imports every folder above it.
"""
