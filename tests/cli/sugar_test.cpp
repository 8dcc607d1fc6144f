// Claims about the sugar layer: what it expands to, and where its errors stand.
#include <string>
#include <vector>

#include "catch.hpp"
#include "scenario/printer.hpp"
#include "scenario/reader.hpp"

using namespace vmmu::tb;

namespace {

std::string sugar(const std::string& lines) { return "mmu 1\nscenario s\n" + lines + "\nend\n"; }

// The flat form, or the error.
std::string flat(const std::string& text, const ReadLimits& limits = {}) {
  const auto read = read_scenarios(text, "f", limits);
  if (const auto* error = std::get_if<ReadError>(&read)) return error->text();
  std::string out;
  for (const Scenario& s : std::get<ScenarioFile>(read).scenarios) out += print(s);
  return out;
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

// Lines between `scenario s` and `end`.
void check_expands(const std::string& lines, const std::string& expected) {
  INFO(lines);
  CHECK(flat(sugar(lines)) == "scenario s\n" + expected + "\nend\n");
}

void check_holds(const std::string& lines, const std::string& line) {
  INFO(lines);
  const std::string text = flat(sugar(lines));
  INFO(text);
  CHECK(contains(text, "\n" + line + "\n"));
}

void check_lacks(const std::string& lines, const std::string& part) {
  INFO(lines);
  const std::string text = flat(sugar(lines));
  INFO(text);
  REQUIRE(contains(text, "scenario s\n"));
  CHECK_FALSE(contains(text, part));
}

struct Bad {
  std::string lines;
  std::string place;
  std::string message;
};

void check_bad(const std::vector<Bad>& cases) {
  for (const Bad& bad : cases) {
    INFO(bad.lines);
    const std::string text = flat(sugar(bad.lines));
    INFO(text);
    CHECK(text.rfind("f:" + bad.place + ": ", 0) == 0);
    CHECK(contains(text, bad.message));
  }
}

constexpr const char* kOneGuestPage =
    "mem 0x100000 0x101007\nmem 0x101000 0x102007\nmem 0x102010 0x103007\nmem 0x103000 0x5007";

}  // namespace

TEST_CASE("sugar: a map makes the tables it lacks, from the first guest page upward, root first", "[sugar]") {
  check_expands("map 0x400000 -> 0x5000", std::string("set cr3 0x100000\n") + kOneGuestPage);
  check_expands("tables guest=0x70000\nmap 0 -> 1G 1G", "set cr3 0x70000\nmem 0x70000 0x71007\nmem 0x71000 0x40000087");
  check_expands("map 0 -> 2M 2M",
                "set cr3 0x100000\nmem 0x100000 0x101007\nmem 0x101000 0x102007\nmem 0x102000 "
                "0x200087");
  check_holds("map 0 -> 0 4K\nmap 0x1000 -> 0x8000", "mem 0x103008 0x8007");
}

TEST_CASE("sugar: without a map only CR3 is set, unless it is given", "[sugar]") {
  check_expands("read user 0", "set cr3 0x100000\naccess r u 0x0");
  check_expands("reg cr3=0x9000\nread user 0", "set cr3 0x9000\naccess r u 0x0");
  check_expands("set cr3 0x9000", "set cr3 0x9000");
}

TEST_CASE("sugar: a given CR3 is where the root is", "[sugar]") {
  check_expands("reg cr3=0x9005\nmap 0x400000 -> 0x5000",
                "set cr3 0x9005\nmem 0x9000 0x100007\nmem 0x100000 0x101007\nmem 0x101010 0x102007\nmem 0x102000 "
                "0x5007");
  check_expands(std::string("reg cr3=0x100000|PCD\nmap 0x400000 -> 0x5000"),
                std::string("set cr3 0x100010\n") + kOneGuestPage);
}

TEST_CASE("sugar: every context that the scenario uses gets the tables", "[sugar]") {
  check_expands("ept\nreg cr3=0x9000 ctx 2\nread user 0 ctx 1",
                "set cr3 0x100000\nset eptp 0x20001e\nset cr3 0x100000 ctx 1\nset eptp 0x20001e ctx 1\nset eptp "
                "0x20001e ctx 2\nset cr3 0x9000 ctx 2\naccess r u 0x0 ctx 1");
}

TEST_CASE("sugar: with EPT, uncovered pages get leaves right after the map that needs them", "[sugar]") {
  check_expands("ept ad\nmap 0x400000 -> 0x5000\nmap 0x401000 -> 0x6000",
                std::string("set cr3 0x100000\nset eptp 0x20005e\n") + kOneGuestPage +
                    "\nmem 0x200000 0x201007\nmem 0x201000 0x202007\nmem 0x202000 0x203007\nmem 0x203028 0x5037\n"
                    "mem 0x203800 0x100037 0x101037 0x102037 0x103037\nmem 0x103008 0x6007\nmem 0x203030 0x6037");
}

TEST_CASE("sugar: offset moves the leaves, and guest tables are written where they lie", "[sugar]") {
  const std::string lines = "ept offset=1G\nmap 0x400000 -> 0x5000";
  check_holds(lines, "mem 0x40103000 0x5007");
  check_holds(lines, "mem 0x203028 0x40005037");
}

TEST_CASE("sugar: a page that an emap covers anywhere in the scenario gets no leaf of its own", "[sugar]") {
  for (const char* lines : {"ept\nemap 0x100000 -> 0x900000\nmap 0x400000 -> 0x5000",
                            "ept\nmap 0x400000 -> 0x5000\nemap 0x100000 -> 0x900000"}) {
    check_holds(lines, "mem 0x900000 0x101007");
    check_lacks(lines, "0x100037");
  }
  check_lacks("ept\nmap 0 -> 0\nemap 0 -> 0x40000000 1G", "0x37");
  check_holds("ept\nmap 0 -> 0\nemap 0 -> 0x40000000 1G", "mem 0x201000 0x400000b7");
  check_holds("ept\nmap 0 -> 0\nemap 0 -> 0x40000000 1G", "mem 0x40103000 0x7");
}

TEST_CASE("sugar: every 4 KiB of a large page is covered, beyond 2^48 nothing is", "[sugar]") {
  const std::string lines = "ept\nmap 0 -> 4M 2M";
  const std::string text = flat(sugar(lines));
  CHECK(contains(text, "\nmem 0x204000 0x400037 0x401037 "));
  CHECK(contains(text, "\nmem 0x204fc0 0x5f8037 "));
  CHECK(contains(text, " 0x5ff037\nend"));
  check_lacks("ept\nmap 0 -> 0x1000000000000", "0x1000000000037");
}

TEST_CASE("sugar: EPT tables permit user-mode execution only with MBE", "[sugar]") {
  check_holds("ept\nemap 0 -> 0", "mem 0x200000 0x201007");
  check_holds("reg mbe=1\nept\nemap 0 -> 0 +XU", "mem 0x200000 0x201407");
  check_holds("reg mbe=1\nept\nemap 0 -> 0 +XU", "mem 0x203000 0x437");
}

TEST_CASE("sugar: ept sets the log's registers", "[sugar]") {
  check_expands("ept ad pml=0x50000 index=3",
                "set cr3 0x100000\nset eptp 0x20005e\nset pml 0x1\nset pmladdr 0x50000\nset pmlindex 0x3");
}

TEST_CASE("sugar: five levels with LA57", "[sugar]") {
  check_holds("reg cr4=PAE|LA57\nmap 0 -> 0x5000", "mem 0x104000 0x5007");
  check_holds("reg cr4=PAE|LA57\nmap 0x80000000000000 -> 0x5000 +bit62\nentry pt 0x80000000000000 L5 -U",
              "mem 0x100400 0x101003");
}

TEST_CASE("sugar: counts map pages side by side", "[sugar]") {
  check_holds("map 0x400000 -> 0x5000 x3", "mem 0x103000 0x5007 0x6007 0x7007");
  check_holds("map 0x400000 -> 2M 2M x2 +G", "mem 0x102010 0x200187 0x400187");
}

TEST_CASE("sugar: edits apply in their order", "[sugar]") {
  check_holds("map 0x400000 -> 0x5000 -W +A +NX +bit59 -U", "mem 0x103000 0x8800000000005021");
  check_holds("map 0x400000 -> 0x5000 =0x123 +bit2 addr=0x7000", "mem 0x103000 0x7127");
  check_holds("map 0x400000 -> 0x5000 +A =0", "mem 0x103000 0x0");
  check_holds("map 0x400000 -> 0x5000 +A|D -P|W", "mem 0x103000 0x5064");
  check_holds("ept\nemap 0 -> 0x5000 mt=0 +IPAT -R|W", "mem 0x203000 0x5044");
  check_holds("map 0x400000 -> 0x5000\nentry pt 0x400000 L2 -W\nentry pt 0x400000 L2 +A", "mem 0x102010 0x103025");
  check_holds("map 0x400000 -> 0x5000\nentry pt 0x401000 L1 =0x9007", "mem 0x103008 0x9007");
}

TEST_CASE("sugar: a table stays where it is, whatever its entry says", "[sugar]") {
  const std::string lines = "map 0x400000 -> 0x5000\nentry pt 0x400000 L2 -P\nmap 0x401000 -> 0x6000";
  check_holds(lines, "mem 0x102010 0x103006");
  check_holds(lines, "mem 0x103008 0x6007");
}

TEST_CASE("sugar: mem lines win over generated words before the first access", "[sugar]") {
  for (const char* lines :
       {"mem 0x103000 0x7005\nmap 0x400000 -> 0x5000", "map 0x400000 -> 0x5000\nmem 0x103000 0x7005"}) {
    check_holds(lines, "mem 0x103000 0x7005");
    check_lacks(lines, "0x5007");
  }
  check_holds("map 0 -> 0x5000\nread user 0\nmem 0x103000 0", "mem 0x103000 0x5007");
  check_holds("map 0 -> 0x5000\nread user 0\nmem 0x103000 0\nentry pt 0 L1 +W", "mem 0x103000 0x2");
}

TEST_CASE("sugar: registers by names of bits, numbers with suffixes", "[sugar]") {
  check_holds("reg cr0=PG|PE cr4=PAE|SMEP maxphyaddr=46", "set cr0 0x80000001");
  check_holds("reg cr0=PG|PE cr4=PAE|SMEP maxphyaddr=46", "set cr4 0x100020");
  check_holds("reg efer=LME|LMA|0x1 rflags=AC|2 pkru=AD1|WD2", "set efer 0x501");
  check_holds("reg efer=LME|LMA|0x1 rflags=AC|2 pkru=AD1|WD2 ctx 1", "set pkru 0x24 ctx 1");
  check_holds("reg pmladdr=64K", "set pmladdr 0x10000");
  check_holds("reg pmladdr=0x2G", "set pmladdr 0x80000000");
  check_holds("reg pmladdr=3T", "set pmladdr 0x30000000000");
}

TEST_CASE("sugar: segments become their registers", "[sugar]") {
  check_holds("segment guest 1M 2M 4K", "set gseg.attr 0xf");
  check_holds("segment guest 1M 2M 4K ru", "set gseg.attr 0x9");
  check_holds("segment vmm 1M 2M 4K", "set vseg0.attr 0x7");
  check_holds("segment vmm3 1M 2M 4K rx ctx 1", "set vseg3.limit 0x200000 ctx 1");
}

TEST_CASE("sugar: codes by names, lists always open", "[sugar]") {
  check_holds("read user 0 -> pf P|W|U|RSVD|I|PK", "access r u 0x0 -> pf 0x3f | ...");
  check_holds("write kernel 0 -> pf 0", "access w s 0x0 -> pf 0x0 | ...");
  check_holds("fetch user 0 -> ept x|er|ew|lin|final gpa 4K gla 0",
              "access x u 0x0 -> ept 0x19c gpa 0x1000 gla 0x0 | "
              "...");
  check_holds("read user 0 -> ept r/r|w", "access r u 0x0 -> ept 0x1/0x3 | ...");
  check_holds("read user 0 ctx 1 -> ok * size 2M or gp", "access r u 0x0 ctx 1 -> ok * size 2M | ... or gp | ...");
  check_holds("access r u 0 -> ok 0", "access r u 0x0 -> ok 0x0");
  check_holds("read user 0 -> ok 0 | 0x8=9", "access r u 0x0 -> ok 0x0 | 0x8=0x9 ...");
}

TEST_CASE("sugar: a change of an entry is the entry as it was and flags", "[sugar]") {
  check_holds("map 0 -> 0x5000\nwrite user 0 -> ok 0x5000 | pt[0.L1]+A|D pt[0.L4]+A",
              "access w u 0x0 -> ok 0x5000 | 0x103000=0x5067 0x100000=0x101027 ...");
  check_holds("ept ad\nmap 0 -> 0x5000\nread user 0 -> ok 0x5000 | ept[0x5000.L1]+A",
              "access r u 0x0 -> ok 0x5000 | 0x203028=0x5137 ...");
  check_holds("map 0 -> 0x5000\nread user 0\nwrite user 0 -> ok * | pt[0.L1]+D",
              "access w u 0x0 -> ok * | 0x103000=0x5047~0x20 ...");
  check_holds("map 0 -> 0x5000\nread user 0x40000000\nread user 0 -> ok * | pt[0.L1]+A",
              "access r u 0x0 -> ok * | 0x103000=0x5027 ...");
  check_holds("map 0 -> 0x5000\npoke 0x103000 0x9007\nread user 0 -> ok 0x9000 | pt[0.L1]+A",
              "access r u 0x0 -> ok 0x9000 | 0x103000=0x9027 ...");
}

TEST_CASE("sugar: mapping a page twice is an error where it happens", "[sugar]") {
  check_bad({{"map 0 -> 0\nmap 0 -> 0x1000", "4:5", "0x0 is mapped already"},
             {"map 0 -> 0 x4\nmap 0x3000 -> 0", "4:5", "0x3000 is mapped already"},
             {"map 0 -> 0 2M\nmap 0x1000 -> 0", "4:5", "0x1000 is mapped already"},
             {"map 0x1000 -> 0\nmap 0 -> 0 2M", "4:5", "by smaller pages"},
             {"ept\nemap 0 -> 0\nemap 0 -> 0x1000", "5:6", "0x0 is mapped already"},
             {"ept\nemap 0x1000 -> 0\nemap 0 -> 0 1G", "5:6", "by smaller pages"},
             {"map 0 -> 0\nentry pt 0 L1 =0\nmap 0 -> 0", "5:5", "is mapped already"}});
}

TEST_CASE("sugar: operands that are out of range or misaligned", "[sugar]") {
  check_bad({{"map 0x800 -> 0", "3:5", "multiple of the page size 4K"},
             {"map 0 -> 0x1000 2M", "3:10", "multiple of the page size 2M"},
             {"map 0x800000000000 -> 0", "3:5", "canonical"},
             {"map 0x7ffffffff000 -> 0 x2", "3:5", "canonical"},
             {"map 0xfffffffffffff000 -> 0 x2", "3:5", "canonical"},
             {"map 0 -> 0x10000000000000", "3:10", "2^52"},
             {"ept\nemap 0x1000000000000 -> 0", "4:6", "2^48"},
             {"map 0 -> 0 x0", "3:12", "at least one page"},
             {"map 0 -> 0 addr=5", "3:17", "multiple of 4096"},
             {"tables guest=5", "3:14", "multiple of 4096"},
             {"ept offset=1", "3:12", "multiple of 4096"},
             {"reg pmladdr=16777216T", "3:13", "at most 64 bits"},
             {"ept offset=0xfffffffffffff000\nmap 0 -> 0", "4:5", "below 2^52"},
             {"tables guest=0x200000\nept\nmap 0 -> 0", "5:5", "on another table"},
             {"entry pt 0 L5 +P", "3:7", "LA57"},
             {"entry ept 0 L5 +R", "3:13", "L1 .. L4"}});
  CHECK(contains(flat(sugar("map 0 -> 0 x9"), ReadLimits{8}), "f:3:5: expected fewer pages"));
}

TEST_CASE("sugar: words that are not known or stand in the wrong place", "[sugar]") {
  check_bad({{"map 0 0", "3:7", "expected ->"},
             {"map 0 -> 0 3M", "3:12", "an edit"},
             {"map 0 -> 0 +Q", "3:13", "P W U PWT PCD A D PS G NX"},
             {"map 0 -> 0 +bit64", "3:16", "the number of a bit"},
             {"map 0 -> 0 mt=1", "3:15", "only an EPT entry"},
             {"emap 0 -> 0", "3:6", "expected `ept`"},
             {"entry ept 0 L1 +R", "3:7", "expected `ept`"},
             {"entry pt 0 L1 +P", "3:7", "map a page near it first"},
             {"map 0 -> 0 2M\nentry pt 0 L1 +P", "4:7", "a larger page maps it"},
             {"map 0 -> 0\nentry pt 0 L1", "4:14", "an edit"},
             {"entry qt 0 L1 +P", "3:7", "pt or ept"},
             {"ept ad ad", "3:8", "ad, offset=A"},
             {"ept pml=1 pml=2", "3:11", "given twice"},
             {"ept\nept", "4:1", "twice"},
             {"tables guest=0\ntables guest=0", "4:1", "twice"},
             {"tables vmm=0", "3:8", "guest=A or ept=A"},
             {"read user 0\nept", "4:1", "before the first access"},
             {"read user 0\nreg cr3=0", "4:1", "before the first access"},
             {"read user 0\nset cr3 0", "4:1", "before the first access"},
             {"reg cr9=0", "3:5", "the name of a register"},
             {"reg cr0=PG|XY", "3:12", "found 'XY'"},
             {"reg cr0", "3:5", "REGISTER=VALUE"},
             {"reg maxphyaddr=53", "3:16", "at most 0x34"},
             {"segment host 0 0 0", "3:9", "guest or vmm"},
             {"segment vmm16 0 0 0", "3:12", "at most 0xf"},
             {"segment vmm 0 0 0 u", "3:19", "letters rwx"},
             {"read both 0", "3:6", "user or kernel"},
             {"read user 0 -> pf Q", "3:19", "names of bits"},
             {"read user 0 -> ok 0 | pt[0]+A", "3:23", "pt[GVA.L<n>]"},
             {"map 0 -> 0\nread user 0 -> ok 0 | pt[0.L1]+W", "4:32", "the flags A, D"},
             {"read user 0 -> ok 0 | pt[0.L1]+A", "3:23", "map a page near it first"},
             {"mmu 1", "3:1", "a statement"}});
}

TEST_CASE("sugar: the first line says it, and only the first", "[sugar]") {
  CHECK(flat("mmu 2\n").rfind("f:1:5: ", 0) == 0);
  CHECK(flat("mmu 0\n").rfind("f:1:5: ", 0) == 0);
  CHECK(flat("scenario a\nend\nmmu 1\n").rfind("f:3:1: ", 0) == 0);
  CHECK(contains(flat("scenario a\nmap 0 -> 0\nend\n"), "f:2:1: expected a statement or `end`, found 'map'"));
  CHECK(flat("scenario a\naccess r u 4K\nend\n").rfind("f:2:12: ", 0) == 0);
  CHECK(flat("# head\n\nmmu 1\nscenario a\nend\n") == "scenario a\nset cr3 0x100000\nend\n");
}
