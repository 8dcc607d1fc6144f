// Access rights of the guest's tables: SDM 4.6, and the error code of SDM 4.7.
#include "world.hpp"

namespace vmmu::test {
namespace {

constexpr unsigned kPresent = code::P;

// A guest page with these attributes under the usual registers.
struct Page : World {
  explicit Page(const GuestAttr& attr) : World(native()) { map(kPage, kFrame, PageSize::k4K, attr); }
};

GuestAttr user_page() { return {}; }
GuestAttr kernel_page() {
  GuestAttr attr;
  attr.user = false;
  return attr;
}
GuestAttr read_only(GuestAttr attr) {
  attr.writable = false;
  return attr;
}
GuestAttr no_execute(GuestAttr attr) {
  attr.no_execute = true;
  return attr;
}

Result with_ac(World& world, Op op) { return world.access({kPage, op, false, true, false, 0}); }
Result implicitly(World& world, Op op, bool ac) { return world.access({kPage, op, false, ac, true, 0}); }

}  // namespace

TEST_CASE("rights: user mode may do everything with a user page", "[rights]") {
  Page page(user_page());
  for (const Op op : {Op::Read, Op::Write, Op::Fetch}) CHECK(succeeds(page.user(op)));
}

TEST_CASE("rights: user mode may do nothing with a supervisor page", "[rights]") {
  Page page(kernel_page());
  CHECK(answer(page.user(Op::Read)) == page_fault(kPresent | code::U));
  CHECK(answer(page.user(Op::Write)) == page_fault(kPresent | code::U | code::W));
  CHECK(answer(page.user(Op::Fetch)) == page_fault(kPresent | code::U | code::I));
}

TEST_CASE("rights: U/S and R/W are the AND and NX the OR over all levels", "[rights]") {
  for (unsigned level = 4; level >= 1; --level) {
    INFO("level " << level);
    Page not_user(user_page());
    not_user.edit_guest(level, pt::U, 0);
    CHECK(answer(not_user.user(Op::Read)) == page_fault(kPresent | code::U));

    Page not_writable(user_page());
    not_writable.edit_guest(level, pt::W, 0);
    CHECK(answer(not_writable.user(Op::Write)) == page_fault(kPresent | code::U | code::W));
    CHECK(succeeds(not_writable.user(Op::Read)));

    Page not_executable(user_page());
    not_executable.edit_guest(level, 0, pt::NX);
    CHECK(answer(not_executable.user(Op::Fetch)) == page_fault(kPresent | code::U | code::I));
    CHECK(succeeds(not_executable.user(Op::Read)));
  }
}

TEST_CASE("rights: WP decides whether the supervisor may write a read-only page", "[rights][wp]") {
  for (const GuestAttr& attr : {read_only(user_page()), read_only(kernel_page())}) {
    Page page(attr);
    CHECK(answer(page.kernel(Op::Write)) == page_fault(kPresent | code::W));
    page.regs.wp = false;
    CHECK(succeeds(page.kernel(Op::Write)));
    CHECK_FALSE(succeeds(page.user(Op::Write)));
  }
}

TEST_CASE("rights: NX binds the supervisor too", "[rights][nx]") {
  Page page(no_execute(kernel_page()));
  CHECK(answer(page.kernel(Op::Fetch)) == page_fault(kPresent | code::I));
  CHECK(succeeds(page.kernel(Op::Read)));
}

TEST_CASE("rights: SMEP forbids supervisor fetches from user pages", "[rights][smep]") {
  Page page(user_page());
  CHECK(succeeds(page.kernel(Op::Fetch)));
  page.regs.smep = true;
  CHECK(answer(page.kernel(Op::Fetch)) == page_fault(kPresent | code::I));
  page.regs.nxe = false;
  CHECK(answer(page.kernel(Op::Fetch)) == page_fault(kPresent | code::I));
  CHECK(succeeds(page.user(Op::Fetch)));

  Page kernel_code(kernel_page());
  kernel_code.regs.smep = true;
  CHECK(succeeds(kernel_code.kernel(Op::Fetch)));
}

TEST_CASE("rights: SMAP forbids supervisor data accesses to user pages unless AC is set", "[rights][smap]") {
  Page page(user_page());
  page.regs.smap = true;
  CHECK(answer(page.kernel(Op::Read)) == page_fault(kPresent));
  CHECK(answer(page.kernel(Op::Write)) == page_fault(kPresent | code::W));
  CHECK(succeeds(with_ac(page, Op::Read)));
  CHECK(succeeds(with_ac(page, Op::Write)));
  CHECK(succeeds(page.kernel(Op::Fetch)));
  CHECK(succeeds(page.user(Op::Read)));

  Page kernel_data(kernel_page());
  kernel_data.regs.smap = true;
  CHECK(succeeds(kernel_data.kernel(Op::Write)));
}

TEST_CASE("rights: SMAP binds an override by AC to writable pages when WP is set", "[rights][smap]") {
  Page page(read_only(user_page()));
  page.regs.smap = true;
  CHECK(answer(with_ac(page, Op::Write)) == page_fault(kPresent | code::W));
  page.regs.wp = false;
  CHECK(succeeds(with_ac(page, Op::Write)));
  CHECK_FALSE(succeeds(page.kernel(Op::Write)));
}

TEST_CASE("rights: AC does not apply to implicit supervisor accesses", "[rights][smap]") {
  Page page(user_page());
  CHECK(succeeds(implicitly(page, Op::Read, false)));
  page.regs.smap = true;
  CHECK(answer(implicitly(page, Op::Read, true)) == page_fault(kPresent));
  CHECK(answer(implicitly(page, Op::Write, true)) == page_fault(kPresent | code::W));
}

TEST_CASE("rights: an implicit access is a supervisor access whatever CPL is", "[rights]") {
  Page page(kernel_page());
  CHECK(succeeds(page.access({kPage, Op::Read, true, false, true, 0})));
}

TEST_CASE("rights: AC means nothing to user mode", "[rights][smap]") {
  Page page(user_page());
  page.regs.smap = true;
  for (const bool ac : {false, true}) CHECK(succeeds(page.access({kPage, Op::Write, true, ac, false, 0})));
}

TEST_CASE("rights: a denied access writes no flag", "[rights]") {
  Page page(read_only(user_page()));
  CHECK_FALSE(succeeds(page.user(Op::Write)));
  CHECK(page.trace.swaps() == 0);
}

// ---------------------------------------------------------------- protection keys

namespace {

constexpr unsigned kKey = 9;

struct KeyCase {
  bool access_disable, write_disable, wp, user_access, user_page;
  Op op;
};

std::vector<KeyCase> all_key_cases() {
  std::vector<KeyCase> cases;
  for (unsigned n = 0; n < 32; ++n) {
    for (const Op op : {Op::Read, Op::Write, Op::Fetch}) {
      cases.push_back({(n & 1) != 0, (n & 2) != 0, (n & 4) != 0, (n & 8) != 0, (n & 16) != 0, op});
    }
  }
  return cases;
}

// The sentences of SDM 4.6.2, one by one.
bool key_forbids(const KeyCase& c) {
  if (c.op == Op::Fetch) return false;  // keys do not bind fetches
  if (!c.user_page) return false;       // nor supervisor-mode addresses
  if (c.access_disable) return true;    // AD forbids every data access
  if (!c.write_disable || c.op != Op::Write) return false;
  return c.user_access || c.wp;  // WD forbids writes, the supervisor's only with WP
}

std::uint32_t pkru_of(const KeyCase& c) {
  return (c.access_disable ? 1u : 0u) << (2 * kKey) | (c.write_disable ? 2u : 0u) << (2 * kKey);
}

unsigned expected_code(const KeyCase& c) {
  unsigned bits = code::P;
  if (c.op == Op::Write) bits |= code::W;
  if (c.op == Op::Fetch) bits |= code::I;
  if (c.user_access) bits |= code::U;
  if (key_forbids(c)) bits |= code::PK;
  return bits;
}

}  // namespace

TEST_CASE("protection keys: every case of AD, WD, WP, mode, page and operation", "[rights][pke]") {
  for (const KeyCase& c : all_key_cases()) {
    INFO("AD " << c.access_disable << " WD " << c.write_disable << " WP " << c.wp << " user access " << c.user_access
               << " user page " << c.user_page << " op " << static_cast<int>(c.op));
    GuestAttr attr = c.user_page ? user_page() : kernel_page();
    attr.key = kKey;
    Page page(attr);
    page.regs.pke = true;
    page.regs.wp = c.wp;
    page.regs.pkru = pkru_of(c);
    const Result result = c.user_access ? page.user(c.op) : page.kernel(c.op);
    const bool mode_forbids = c.user_access && !c.user_page;
    if (key_forbids(c) || mode_forbids) {
      CHECK(answer(result) == page_fault(expected_code(c)));
    } else {
      CHECK(succeeds(result));
    }
  }
}

TEST_CASE("protection keys: without PKE they forbid nothing", "[rights][pke]") {
  Page page(user_page());
  page.regs.pkru = ~0u;
  CHECK(succeeds(page.user(Op::Write)));
}

TEST_CASE("protection keys: each key has its own two bits, found in the leaf of each size", "[rights][pke]") {
  constexpr GuestVirt aligned{0x7f8000000000};
  for (const PageSize size : {PageSize::k4K, PageSize::k2M, PageSize::k1G}) {
    for (unsigned key = 0; key < 16; ++key) {
      World world(native());
      GuestAttr attr;
      attr.key = static_cast<std::uint8_t>(key);
      world.map(aligned, {std::uint64_t{1} << 31}, size, attr);
      world.regs.pke = true;
      world.regs.pkru = 1u << (2 * key);
      CHECK(answer(world.user(Op::Read, aligned)) == page_fault(code::P | code::U | code::PK));
      world.regs.pkru = ~(3u << (2 * key));
      CHECK(succeeds(world.user(Op::Write, aligned)));
    }
  }
}

TEST_CASE("protection keys: PK is set beside another cause of the same fault", "[rights][pke]") {
  Page page(read_only(user_page()));
  page.regs.pke = true;
  page.regs.pkru = 1;
  CHECK(answer(page.user(Op::Write)) == page_fault(code::P | code::W | code::U | code::PK));
}

TEST_CASE("protection keys: PK is clear when the page is not present or has reserved bits", "[rights][pke]") {
  Page page(user_page());
  page.regs.pke = true;
  page.regs.pkru = ~0u;
  page.edit_guest(1, 0, bit(51));
  CHECK(answer(page.user(Op::Read)) == page_fault(code::P | code::U | code::RSVD));
  page.edit_guest(1, pt::P, 0);
  CHECK(answer(page.user(Op::Read)) == page_fault(code::U));
}

TEST_CASE("protection keys: AC and SMAP do not lift a key", "[rights][pke]") {
  Page page(user_page());
  page.regs.pke = page.regs.smap = true;
  page.regs.pkru = 1;
  CHECK(answer(with_ac(page, Op::Read)) == page_fault(code::P | code::PK));
}

}  // namespace vmmu::test
