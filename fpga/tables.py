#!/usr/bin/env python3
"""Writes the area and clock tables of docs/area.md and README.md from the results of scripts/fpga.

Usage: fpga/tables.py [--check]

The results are fpga/results/PRESET.json (scripts/fpga --preset P --save). With --check nothing is written, and the exit
status tells whether the tables are those of the results.
"""
import json
import re
import sys

AREA, README = "docs/area.md", "README.md"
RAMS = re.compile(r"LUT4, (\d+) FF, (\d+) RAM16x4, (\d+) DP16KD")
GOALS = {"tiny": ("12,000", "90"), "server": ("45,000", "60")}


def load(preset):
    try:
        with open(f"fpga/results/{preset}.json", encoding="utf-8") as file:
            return json.load(file)
    except FileNotFoundError:
        return None


def number(value):
    return f"{value:,}" if isinstance(value, int) else str(value)


def routed(preset, rows):
    """Area, and clock and worst paths if it was routed, of the whole design; nothing when only blocks were made."""
    by_name = {row["name"]: row for row in rows}
    clock = next((row for row in rows if row["name"].startswith(f"{preset}: clock")), None)
    if f"{preset}: LUT4" not in by_name:
        return ["Not placed and routed."]
    label = clock["name"].split(", ")[1] if clock else "synthesized"
    measured = f"{clock['measured']} MHz" if clock else "not routed"
    cells = [by_name[f"{preset}: {what}"]["measured"]
             for what in ("LUT4", "flip-flops", "distributed RAM", "block RAM")]
    lines = ["| | LUT4 | flip-flops | RAM 16x4 | block RAM | clock |", "|---|---|---|---|---|---|",
             f"| goal | <= {GOALS[preset][0]} | | | | >= {GOALS[preset][1]} MHz |",
             f"| {label} | " + " | ".join(number(c) for c in cells) + f" | {measured} |"]
    if clock:
        lines += ["", "| ns | from | to |", "|---|---|---|"]
    for row in rows:
        if path := re.match(rf"{preset}: path (\S+) -> (\S+)$", row["name"]):
            lines.append(f"| {row['measured']} | `{path[1]}` | `{path[2]}` |")
    return lines


def blocks(preset, rows):
    """Area of each block of at least 100 LUT4, and the sum of all."""
    lines = ["| block | LUT4 | flip-flops | RAM 16x4 | block RAM |", "|---|---|---|---|---|"]
    for row in rows:
        rams = RAMS.match(row["unit"])
        if not rams or (isinstance(row["measured"], int) and row["measured"] < 100):
            continue
        total = row["name"].endswith("sum of the blocks")
        name = "**sum of all blocks**" if total else f"`{row['name']}`"
        lines.append(f"| {name} | " + " | ".join(number(int(n)) for n in (row["measured"], *rams.groups())) + " |")
    return lines


def largest(preset, rows, count=12):
    """The largest blocks and the sum, for the README."""
    table = blocks(preset, rows)
    size = lambda line: int(line.split("|")[2].replace(",", ""))
    return table[:2] + sorted(table[2:-1], key=size, reverse=True)[:count] + table[-1:]


def replaced(text, name, lines):
    begin, end = f"<!-- fpga/tables.py: {name} -->\n", "<!-- end -->\n"
    start = text.index(begin) + len(begin)
    return text[:start] + "\n".join(lines) + "\n" + text[text.index(end, start):]


def cell(preset, rows, what):
    """A cell of the README: the routed figure where there is one, else the synthesized one."""
    goal = GOALS[preset][0 if what == "LUT4" else 1]
    if what == "clock":
        found = next((r["measured"] for r in rows if r["name"].startswith(f"{preset}: clock")), None)
        return f"not measured ({goal} MHz)" if found is None else f"{found} MHz ({goal})"
    found = next((r["measured"] for r in rows if r["name"] == f"{preset}: LUT4"), None)
    if found is not None:
        return f"{number(found)} ({goal})"
    total = next(r["measured"] for r in rows if r["name"] == f"{preset}, sum of the blocks")
    return f"{number(total)} ({goal}), synthesized"


def with_cell(text, row, preset, value):
    """The README's table with another value in the column of a preset."""
    lines = text.split("\n")
    columns = [c.strip(" `") for c in next(line for line in lines if line.startswith("| | `paper`")).split("|")]
    index = next(i for i, line in enumerate(lines) if line.startswith(row))
    cells = lines[index].split("|")
    cells[columns.index(preset)] = f" {value} "
    lines[index] = "|".join(cells)
    return "\n".join(lines)


def main():
    results = {preset: load(preset) for preset in GOALS}
    with open(AREA, encoding="utf-8") as file:
        area = before_area = file.read()
    with open(README, encoding="utf-8") as file:
        readme = before_readme = file.read()
    for preset, rows in results.items():
        if rows is None:
            continue
        for kind, table in (("routed", routed), ("blocks", blocks)):
            if f"<!-- fpga/tables.py: {preset} {kind} -->\n" in area:
                area = replaced(area, f"{preset} {kind}", table(preset, rows))
        if f"<!-- fpga/tables.py: {preset} largest -->\n" in readme:
            readme = replaced(readme, f"{preset} largest", largest(preset, rows))
        for what, row in (("LUT4", "| ECP5 "), ("clock", "| clock placed and routed ")):
            readme = with_cell(readme, row, preset, cell(preset, rows, what))
    if "--check" in sys.argv[1:]:
        if (area, readme) != (before_area, before_readme):
            sys.exit("the tables of docs/area.md and README.md are not those of fpga/results; run fpga/tables.py")
        return
    with open(AREA, "w", encoding="utf-8") as file:
        file.write(area)
    with open(README, "w", encoding="utf-8") as file:
        file.write(readme)


if __name__ == "__main__":
    main()
