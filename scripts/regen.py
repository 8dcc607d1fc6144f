"""Writes the register table and the reference page from the SystemRDL description. Called by scripts/regen.

Usage: regen.py DESCRIPTION TEMPLATE OUTPUT_FOLDER
A line `@name@` of the template is replaced by the table of that name.
"""

import pathlib
import re
import sys

from systemrdl import RDLCompiler
from systemrdl.node import RegfileNode, RegNode


def text(node, name="desc"):
    """A description as one line."""
    return " ".join((node.get_property(name) or "").split())


def registers(page):
    """Registers of a page in order of address; an array, also one of register files, is one element."""
    found = []
    for node in page.children(unroll=False):
        if isinstance(node, RegfileNode):
            found += registers(node)
        elif isinstance(node, RegNode):
            found.append(node)
    return found


def array(reg):
    """The node whose elements repeat the register, if any: itself or the register file that it stands in."""
    if reg.is_array:
        return reg
    return reg.parent if isinstance(reg.parent, RegfileNode) and reg.parent.is_array else None


def offset(reg):
    """From the start of the page."""
    inside = reg.inst.addr_offset
    return inside + (reg.parent.inst.addr_offset if array(reg) is not None and not reg.is_array else 0)


def count(reg):
    return array(reg).n_elements if array(reg) is not None else 1


def stride(reg):
    return array(reg).array_stride if array(reg) is not None else 8


def reset(reg):
    return sum((field.get_property("reset") or 0) << field.low for field in reg.fields())


def mask(reg, writable):
    bits = 0
    for field in reg.fields():
        if not writable or field.is_sw_writable:
            bits |= ((1 << field.width) - 1) << field.low
    return bits


def access(node):
    if not node.is_sw_writable:
        return "read-only"
    on_write = node.get_property("onwrite")
    if on_write is None:
        return "read, write"
    return "a write clears" if on_write.name == "wclr" else "write 1 to clear"


def bits(field):
    return str(field.low) if field.width == 1 else f"{field.high}:{field.low}"


def constant(node):
    name = node.get_property("sv_name")
    return f"`{name}`" if name else ""


# ---- the reference page


def table(head, rows):
    return ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)] + ["| " + " | ".join(row) + " |" for row in rows]


def reset_text(reg):
    return reg.get_property("reset_note") or f"{reset(reg):#x}"


def register_row(reg):
    fields = list(reg.fields())
    where = f"{offset(reg):#05x}" + (f" + {stride(reg)}*k, k < {count(reg)}" if count(reg) > 1 else "")
    meaning = text(reg)
    if len(fields) == 1 and text(fields[0]):
        meaning += " " + text(fields[0])
    return [where, constant(reg), f"{reg.get_property('name')}", f"{reg.get_property('regwidth')}", reg.get_property("kind"),
            access(fields[0]) if len({access(f) for f in fields}) == 1 else "see below",
            bits(fields[0]) if len(fields) == 1 else "see below", reset_text(reg), meaning]


REGISTER_HEAD = ["offset", "constant", "register", "width", "kind", "access", "bits", "reset", "meaning"]


def page_table(regs):
    return table(REGISTER_HEAD, [register_row(reg) for reg in regs])


def field_table(reg):
    rows = [[bits(f), constant(f), f"`{f.inst_name}`", f"{f.get_property('reset') or 0:#x}", text(f)] for f in reg.fields()]
    return table(["bits", "constant", "field", "reset", "meaning"], rows)


def field_tables(regs):
    lines = []
    for reg in regs:
        if len(list(reg.fields())) > 1 or any(constant(field) for field in reg.fields()):
            lines += [f"### Bits of {reg.get_property('name')}", ""] + field_table(reg) + [""]
    return lines[:-1]


def counter_table(regs):
    """Numbers of counters, for the programmer who indexes them."""
    base = offset(regs[0])
    return table(["number", "constant", "counter", "meaning"],
                 [[str((offset(reg) - base) // 8), constant(reg), reg.get_property("name"), text(reg)] for reg in regs])


def enum_table(field):
    """Numbers of an enumeration; an entry that is a constant of vmmu_pkg has the constant for its display name."""
    rows = [[str(e.value), f"`{e.rdl_name or e.name}`", " ".join((e.rdl_desc or "").split())]
            for e in field.get_property("encode")]
    return table(["number", "name", "meaning"], rows)


def page(root, template):
    top = root.top
    shared = top.get_child_by_name("global_page")
    context = top.get_child_by_name("ctx")
    host = context.get_child_by_name("host")
    guest = context.get_child_by_name("guest")
    host_regs = registers(host)
    counters = [reg for reg in host_regs if reg.inst_name.startswith("cnt_")]
    plain = [reg for reg in host_regs if reg not in counters]
    parts = {
        "global": page_table(registers(shared)),
        "global_bits": field_tables(registers(shared)),
        "host": page_table(plain),
        "host_bits": field_tables(plain),
        "counters": counter_table(counters),
        "reject": enum_table(host.get_child_by_name("commit").get_child_by_name("reason")),
        "guest": page_table(registers(guest)),
        "guest_bits": field_tables(registers(guest)),
        "guest_ops": enum_table(guest.get_child_by_name("inv_command").get_child_by_name("op")),
    }
    lines = []
    for line in template.splitlines():
        match = re.fullmatch(r"@(\w+)@", line)
        lines += parts[match.group(1)] if match else [line]
    return "\n".join(lines) + "\n"


# ---- the table for programs and tests


def c_string(string):
    return '"' + string.replace("\\", "\\\\").replace('"', '\\"') + '"'


def rows(root):
    top = root.top
    context = top.get_child_by_name("ctx")
    pages = [("Global", top.get_child_by_name("global_page")), ("Host", context.get_child_by_name("host")),
             ("Guest", context.get_child_by_name("guest"))]
    for name, node in pages:
        for reg in registers(node):
            kind = reg.get_property("kind").capitalize()
            clears = any(f.get_property("onwrite") is not None for f in reg.fields())
            yield ("{" + ", ".join([c_string(reg.get_property("name")), f"RegisterPage::{name}", f"{offset(reg):#05x}",
                                    str(reg.get_property("regwidth")), str(count(reg)), str(stride(reg)),
                                    f"RegisterKind::{kind}",
                                    f"{reset(reg):#x}", f"{mask(reg, False):#x}", f"{mask(reg, True):#x}",
                                    "true" if clears else "false",
                                    "true" if reg.get_property("reset_note") else "false", c_string(text(reg))]) + "},")


def main(description, template, folder):
    compiler = RDLCompiler()
    compiler.compile_file(description)
    root = compiler.elaborate()
    out = pathlib.Path(folder)
    for name in ("docs", "tb/registers"):
        (out / name).mkdir(parents=True, exist_ok=True)
    (out / "docs/registers.md").write_text(page(root, pathlib.Path(template).read_text()))
    (out / "tb/registers/register_table.inc").write_text(
        "// Generated by scripts/regen from rtl/vmmu.rdl: rows of RegisterInfo.\n" + "\n".join(rows(root)) + "\n")


main(*sys.argv[1:])
