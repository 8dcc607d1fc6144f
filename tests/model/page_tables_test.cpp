// The page-table builder.
#include <map>
#include <set>

#include "world.hpp"

namespace vmmu::test {
namespace {

constexpr GuestVirt kGigabyteAligned{0x7f8000000000};
constexpr GuestPhys kGigabyteFrame{std::uint64_t{2} << 30};

std::uint64_t entry_word(const World& world, unsigned level, GuestVirt gva = kPage) {
  return world.tables.guest_entry(gva, level)->word;
}

}  // namespace

TEST_CASE("builder: table pages are taken upward, root first, in order of first need", "[builder]") {
  World world(native());
  world.map();
  CHECK(world.tables.cr3() == 0x100000);
  CHECK((entry_word(world, 4) & kFrameMask) == 0x101000);
  CHECK((entry_word(world, 3) & kFrameMask) == 0x102000);
  CHECK((entry_word(world, 2) & kFrameMask) == 0x103000);
  CHECK(world.tables.guest_table_pages() == 4);
  CHECK(world.tables.eptp() == 0);
  CHECK(world.tables.ept_table_pages() == 0);
}

TEST_CASE("builder: with EPT every table page is covered by a leaf at the offset", "[builder]") {
  World world(nested());
  world.map();
  for (unsigned level = 4; level >= 1; --level) {
    const GuestPhys gpa = world.guest_entry_gpa(level);
    CHECK(world.guest_entry(level).value == gpa.value + kHostOffset);
    CHECK(world.tables.host_of(gpa) == std::optional(HostPhys{gpa.value + kHostOffset}));
  }
  CHECK((world.tables.eptp() & kFrameMask) == 0x200000);
  CHECK_FALSE(world.tables.host_of({0x123456000}).has_value());
}

TEST_CASE("builder: emap() before map() decides where tables and pages lie", "[builder]") {
  World world(nested());
  world.emap({0x100000}, {0x888000});
  world.emap(kFrame, {0x999000});
  world.map();
  CHECK((world.guest_entry(4).value & kFrameMask) == 0x888000);
  CHECK(translation(world.user(Op::Read)).hpa.value == 0x999000);
}

TEST_CASE("builder: mapping a page twice is an error and changes nothing", "[builder]") {
  World world(nested());
  world.map();
  const std::uint64_t before = entry_word(world, 1);
  CHECK(world.tables.map(kPage, {0x8000}) == MapError::AlreadyMapped);
  CHECK(entry_word(world, 1) == before);
  CHECK(world.tables.emap(kFrame, {0x8000}) == MapError::AlreadyMapped);
  CHECK(translation(world.user(Op::Read)).hpa.value == kFrame.value + kHostOffset);
}

TEST_CASE("builder: a large page over small ones and a small page under a large one are errors", "[builder]") {
  World world(nested());
  world.map(kGigabyteAligned, kFrame);
  CHECK(world.tables.map(kGigabyteAligned, kGigabyteFrame, PageSize::k2M) == MapError::AlreadyMapped);
  CHECK(world.tables.emap({0}, {0}, PageSize::k1G) == MapError::AlreadyMapped);
  const GuestVirt next{kGigabyteAligned.value + page_bytes(PageSize::k1G)};
  world.map(next, kGigabyteFrame, PageSize::k2M);
  CHECK(world.tables.map(next, kFrame) == MapError::LargePageAbove);
  world.emap({std::uint64_t{1} << 40}, {0}, PageSize::k1G);
  CHECK(world.tables.emap({std::uint64_t{1} << 40}, {0}) == MapError::LargePageAbove);
}

TEST_CASE("builder: addresses are judged", "[builder]") {
  World world(nested());
  CHECK(world.tables.map({kPage.value + 8}, kFrame) == MapError::Misaligned);
  CHECK(world.tables.map(kGigabyteAligned, kFrame, PageSize::k2M) == MapError::Misaligned);
  CHECK(world.tables.map({bit(47)}, kFrame) == MapError::OutOfRange);
  CHECK(world.tables.map(kPage, {bit(48)}) == MapError::OutOfRange);
  CHECK(world.tables.emap({bit(48)}, {0}) == MapError::OutOfRange);
  CHECK(world.tables.emap({0}, {bit(52)}) == MapError::OutOfRange);
  CHECK(world.tables.emap({0}, {bit(12)}, PageSize::k2M) == MapError::Misaligned);
  World flat(native());
  CHECK(flat.tables.map(kPage, {bit(48)}) == MapError::None);
  CHECK(flat.tables.map(kGigabyteAligned, {bit(52)}) == MapError::OutOfRange);
  CHECK(flat.tables.emap({0}, {0}) == MapError::NoEpt);
  CHECK(flat.tables.cover({0}, 4096) == MapError::NoEpt);
}

TEST_CASE("builder: an offset that is no multiple of the nested page is an error", "[builder]") {
  TableConfig config = nested(PageSize::k2M);
  config.offset = 4096;
  PageTables tables(config, [](HostPhys, std::uint64_t) {});
  CHECK(tables.map(kPage, kFrame) == MapError::Misaligned);
}

TEST_CASE("builder: a table that would lie on another table is an error", "[builder]") {
  TableConfig config = nested();
  config.offset = config.ept_tables.value - config.guest_tables.value;
  PageTables tables(config, [](HostPhys, std::uint64_t) {});
  CHECK(tables.map(kPage, kFrame) == MapError::TableCollision);

  TableConfig later = nested();
  later.offset = later.ept_tables.value - later.guest_tables.value + 0x2000;
  PageTables other(later, [](HostPhys, std::uint64_t) {});
  CHECK(other.map(kPage, kFrame) == MapError::TableCollision);
}

TEST_CASE("builder: cover() fills the gaps between smaller leaves with the largest that fit", "[builder]") {
  World world(nested(PageSize::k1G));
  world.emap({page_bytes(PageSize::k2M)}, {0x777000});
  REQUIRE(world.tables.cover({0}, page_bytes(PageSize::k1G)) == MapError::None);
  CHECK(world.tables.host_of({0}) == std::optional(HostPhys{kHostOffset}));
  CHECK(world.tables.host_of({page_bytes(PageSize::k2M)}) == std::optional(HostPhys{0x777000}));
  CHECK(world.tables.host_of({page_bytes(PageSize::k2M) + 0x1000}) ==
        std::optional(HostPhys{kHostOffset + page_bytes(PageSize::k2M) + 0x1000}));
  CHECK(world.tables.ept_entry({0}, 2).has_value());
  CHECK_FALSE(world.tables.ept_entry({0}, 1).has_value());  // 2 MiB leaves where nothing smaller is
  const std::uint64_t pages = world.tables.ept_table_pages();
  REQUIRE(world.tables.cover({0}, page_bytes(PageSize::k1G)) == MapError::None);
  CHECK(world.tables.ept_table_pages() == pages);
}

TEST_CASE("builder: a large guest page over 4 KiB nested pages is covered to its end", "[builder]") {
  World world(nested());
  world.map(kGigabyteAligned, kGigabyteFrame, PageSize::k2M);
  for (std::uint64_t at = 0; at < page_bytes(PageSize::k2M); at += 4096) {
    REQUIRE(world.tables.host_of({kGigabyteFrame.value + at}).has_value());
  }
  CHECK_FALSE(world.tables.host_of({kGigabyteFrame.value + page_bytes(PageSize::k2M)}).has_value());
}

TEST_CASE("builder: finds the entry of an address and level", "[builder]") {
  World world(nested());
  world.map(kGigabyteAligned, kGigabyteFrame, PageSize::k2M);
  CHECK(world.tables.guest_entry(kGigabyteAligned, 2)->level == 2);
  CHECK_FALSE(world.tables.guest_entry(kGigabyteAligned, 1).has_value());
  CHECK_FALSE(world.tables.guest_entry(kGigabyteAligned, 5).has_value());
  CHECK_FALSE(world.tables.guest_entry(kGigabyteAligned, 0).has_value());
  CHECK_FALSE(world.tables.guest_entry(kPage, 3).has_value());
  CHECK(world.tables.guest_entry(kPage, 4)->word == 0);
  CHECK_FALSE(world.tables.ept_entry({bit(46)}, 3).has_value());
  CHECK_FALSE(world.tables.ept_entry(kGigabyteFrame, 5).has_value());
  CHECK_FALSE(world.tables.edit_guest(kPage, 1, {pt::P, 0}).has_value());
  World flat(native());
  CHECK_FALSE(flat.tables.ept_entry({0}, 4).has_value());
}

TEST_CASE("builder: an edited entry is returned and written, and takes its page out of use when it is 0", "[builder]") {
  World world(native());
  world.map();
  const EntryPlace place = *world.tables.edit_guest(kPage, 1, {pt::W | pt::U, pt::G});
  CHECK(place.word == (kFrame.value | pt::P | pt::G));
  CHECK(world.mem.peek(place.hpa) == place.word);
  CHECK(world.tables.edit_guest(kPage, 1, {~std::uint64_t{0}, 0})->word == 0);
  CHECK(world.tables.map(kPage, {0x8000}) == MapError::None);
}

TEST_CASE("builder: a table that was moved out of what EPT maps is an error to map under", "[builder]") {
  World world(nested());
  world.map();
  world.edit_guest(4, kFrameMask, bit(44));
  CHECK_FALSE(world.tables.guest_entry(kPage, 3).has_value());
  CHECK(world.tables.map(kPage, {0x8000}) == MapError::OutOfRange);
}

TEST_CASE("builder: attributes by name", "[builder]") {
  GuestAttr attr;
  attr.writable = attr.user = false;
  attr.no_execute = attr.global = attr.accessed = attr.dirty = true;
  attr.pat = 5;
  attr.key = 10;
  World world(native());
  world.map(kPage, kFrame, PageSize::k4K, attr);
  const std::uint64_t common = pt::P | pt::NX | pt::G | pt::A | pt::D | pt::PWT | std::uint64_t{10} << pt::kKeyShift;
  CHECK(entry_word(world, 1) == (common | pt::PAT | kFrame.value));
  world.map(kGigabyteAligned, kGigabyteFrame, PageSize::k1G, attr);
  CHECK(entry_word(world, 3, kGigabyteAligned) == (common | pt::PS | pt::PAT_LARGE | kGigabyteFrame.value));

  EptAttr host;
  host.read = host.write = host.execute = false;
  host.user_execute = host.ignore_pat = host.accessed = host.dirty = true;
  host.memory_type = 4;
  World under(nested());
  under.emap(kGigabyteFrame, {0}, PageSize::k2M, host);
  CHECK(under.tables.ept_entry(kGigabyteFrame, 2)->word ==
        (ept::XU | ept::IPAT | ept::A | ept::D | ept::PS | std::uint64_t{4} << ept::kMemoryTypeShift));
}

TEST_CASE("builder: the roots go into the registers and leave the others alone", "[builder]") {
  World flat(native(5));
  ContextRegs base;
  base.smep = true;
  const ContextRegs five = flat.tables.regs(base);
  CHECK(five.la57);
  CHECK(five.smep);
  CHECK_FALSE(five.virt);
  CHECK_FALSE(five.ept_en);
  World under(nested_with_flags());
  const ContextRegs regs = under.tables.regs(base);
  CHECK(regs.virt);
  CHECK(regs.ept_en);
  CHECK((regs.eptp & eptp::kAccessedDirty) != 0);
}

TEST_CASE("builder: writes straight into a memory", "[builder]") {
  SparseMem memory;
  PageTables tables(native(), memory);
  REQUIRE(tables.map(kPage, kFrame) == MapError::None);
  CHECK(memory.peek(tables.guest_entry(kPage, 1)->hpa) == tables.guest_entry(kPage, 1)->word);
}

TEST_CASE("builder: every error has words", "[builder]") {
  std::set<std::string> words;
  for (int n = 0; n <= static_cast<int>(MapError::TableCollision); ++n)
    words.insert(to_string(static_cast<MapError>(n)));
  CHECK(words.size() == 7);
  CHECK(words.count(to_string(static_cast<MapError>(99))) == 0);
}

}  // namespace vmmu::test
