"""Writes the constant table of the escape filters' hash. Called by scripts/regen.

Usage: h3.py OUTPUT_FILE
Row r = 6 * lane + bit is the low 45 bits of output number r, counted from 0, of splitmix64 with the seed below.
"""

import pathlib
import sys

SEED = 0x766D6D75
LANES = 4
BITS = 6
KEY_WIDTH = 45
MASK64 = (1 << 64) - 1


def splitmix64(seed):
    """The generator of Steele, Lea and Flood (OOPSLA 2014), in its 64-bit form."""
    state = seed
    while True:
        state = (state + 0x9E3779B97F4A7C15) & MASK64
        word = state
        word = ((word ^ (word >> 30)) * 0xBF58476D1CE4E5B9) & MASK64
        word = ((word ^ (word >> 27)) * 0x94D049BB133111EB) & MASK64
        yield word ^ (word >> 31)


def rows():
    outputs = splitmix64(SEED)
    return [next(outputs) & ((1 << KEY_WIDTH) - 1) for _ in range(LANES * BITS)]


HEAD = f"""// Made by scripts/regen, not by hand: the rows of the escape filters' H3 hash.
// Bit k of the index into lane i is the parity of key AND row 6*i + k; row r is the low {KEY_WIDTH} bits of output
// number r of splitmix64 with seed 0x{SEED:x}.
package vmmu_h3_pkg;
  localparam int unsigned KeyWidth = {KEY_WIDTH};   // bits of a page number that are hashed; shorter ones are zero-extended
  localparam int unsigned Lanes = {LANES};
  localparam int unsigned IndexWidth = {BITS};  // a lane has 2**IndexWidth bits

  // The highest row stands first.
  localparam logic [Lanes*IndexWidth-1:0][KeyWidth-1:0] Rows = {{
"""


def main():
    table = rows()
    lines = []
    for r in reversed(range(len(table))):
        comma = "," if r else " "
        lines.append(f"    {KEY_WIDTH}'h{table[r]:012x}{comma}  // lane {r // BITS}, bit {r % BITS}\n")
    path = pathlib.Path(sys.argv[1])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(HEAD + "".join(lines) + "  };\nendpackage\n")


main()
