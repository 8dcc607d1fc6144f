#!/usr/bin/env python3
"""The worst paths of a routed design, from the SDF file that nextpnr writes.

Usage: fpga/worst_paths.py FILE.sdf [COUNT]

Prints COUNT lines (default 3): delay in ns, start register, end register, separated by tabs. A path ends at a register,
and the bits and rows of one register count as one end, so that three lines are three different paths.
"""
import re
import sys
from collections import defaultdict

NUMBERS = r"\((-?\d+):(-?\d+):(-?\d+)\)"
PIN = r"((?:\\.|[^\s()\\])+)"
IOPATH = re.compile(rf"\(IOPATH (?:\(posedge {PIN}\)|{PIN}) {PIN} {NUMBERS}")
WIRE = re.compile(rf"\(INTERCONNECT {PIN} {PIN} {NUMBERS}")
SETUP = re.compile(rf"\(SETUPHOLD \((?:pos|neg)edge {PIN}\) \(posedge {PIN}\) {NUMBERS}")
INSTANCE = re.compile(rf"\(INSTANCE {PIN}?\)")
CLOCKS = {"CLK", "WCK", "CLKA", "CLKB"}


def read(name):
    """Edges {pin: [(pin, ps)]}, start pins {pin: ps after the clock} and end pins {pin: ps before the clock}."""
    edges, starts, ends = defaultdict(list), {}, {}
    cell = ""
    with open(name, encoding="utf-8") as file:
        for line in file:
            if found := INSTANCE.search(line):
                cell = found[1] or ""
            elif found := WIRE.search(line):
                edges[found[1]].append((found[2], int(found[5])))
            elif found := IOPATH.search(line):
                source, delay = found[1] or found[2], int(found[6])
                if source in CLOCKS:
                    starts[f"{cell}/{found[3]}"] = delay
                else:
                    edges[f"{cell}/{source}"].append((f"{cell}/{found[3]}", delay))
            elif found := SETUP.search(line):
                ends[f"{cell}/{found[1]}"] = max(ends.get(f"{cell}/{found[1]}", 0), int(found[5]))
    return edges, starts, ends


def arrivals(edges, starts):
    """Latest arrival {pin: (ps, start pin)}, in topological order from the start pins."""
    reached, order, stack = set(starts), [], [(pin, 0) for pin in starts]
    while stack:
        pin, index = stack.pop()
        if index < len(edges.get(pin, ())):
            stack.append((pin, index + 1))
            target = edges[pin][index][0]
            if target not in reached:
                reached.add(target)
                stack.append((target, 0))
        else:
            order.append(pin)
    latest = {pin: (delay, pin) for pin, delay in starts.items()}
    for pin in reversed(order):
        time, start = latest[pin]
        for target, delay in edges.get(pin, ()):
            if latest.get(target, (-1, ""))[0] < time + delay:
                latest[target] = (time + delay, start)
    return latest


def register(pin):
    """Name of the register that a pin belongs to: without pin, indices and the names that mapping added."""
    name = re.sub(r"\\(.)", r"\1", pin.rsplit("/", 1)[0])
    name = re.sub(r"\$(DPRAM|RAMW).*$", "", name)
    name = re.sub(r"_(TRELLIS_FF|LUT4|CCU2C|PFUMX)_.*$", "", name)
    return re.sub(r"(\.\d+)+$|\[\d+\]", "", name)


def main():
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    edges, starts, ends = read(sys.argv[1])
    latest = arrivals(edges, starts)
    worst = {}
    for pin, setup in ends.items():
        if pin in latest:
            delay = latest[pin][0] + setup
            end = register(pin)
            if delay > worst.get(end, (0, ""))[0]:
                worst[end] = (delay, register(latest[pin][1]))
    for end, (delay, start) in sorted(worst.items(), key=lambda item: -item[1][0])[:count]:
        print(f"{delay / 1000:.2f}\t{start}\t{end}")


if __name__ == "__main__":
    main()
