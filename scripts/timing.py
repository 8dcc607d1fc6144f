"""Draws the timing diagrams: an SVG for each WaveJSON source. Called by scripts/regen.

Usage: timing.py FOLDER_OF_SOURCES OUTPUT_FOLDER
"""

import pathlib
import sys

import wavedrom


def main(sources, folder):
    out = pathlib.Path(folder)
    out.mkdir(parents=True, exist_ok=True)
    for source in sorted(pathlib.Path(sources).glob("*.json")):
        wavedrom.render(source.read_text()).saveas(str(out / (source.stem + ".svg")))


main(*sys.argv[1:])
