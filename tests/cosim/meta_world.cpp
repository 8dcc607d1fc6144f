#include "meta_world.hpp"

#include <algorithm>
#include <stdexcept>

#include "engine/preset_info.hpp"
#include "random_segments.hpp"

namespace vmmu::tb {
namespace {

constexpr std::uint64_t kArea = std::uint64_t{1} << 33;  // host memory of one set of tables
constexpr std::uint64_t kGuestMemory = 0xc0000000;       // of it, what the guest sees
constexpr std::uint64_t kData = 0x40000000;              // where its pages begin; tables lie below
constexpr unsigned kPages = 24;

}  // namespace

const char* to_string(Mode mode) {
  const char* names[kModes] = {"native",       "direct segment", "nested",    "VMM direct",
                               "guest direct", "dual direct",    "Compromis", "shadow"};
  return names[static_cast<unsigned>(mode)];
}

MetaWorld::MetaWorld(Rig& rig, Preset preset, std::uint64_t seed) : rig_(rig), preset_(preset), random_(seed) {
  std::uint64_t base = kArea;
  build_traffic(base);
  for (unsigned pair = 0; pair < kSizePairs; ++pair) nested_[pair] = build(pair, true, base += kArea);
  for (unsigned size = 0; size < 3; ++size) native_[size] = build(size, false, base += kArea);
}

MetaWorld::Tables MetaWorld::build(unsigned pair, bool nested, std::uint64_t base) {
  TableConfig config;
  config.nested = nested;
  config.guest_levels = chance(25) ? 5 : 4;
  config.accessed_dirty = nested && chance(60);
  config.nested_page = static_cast<PageSize>(pair / 3);
  config.offset = nested ? base : 0;
  config.guest_tables = GuestPhys{(nested ? 0 : base) + 0x100000};
  config.ept_tables = HostPhys{base + 0xf0000000};
  Tables t;
  t.memory = base;
  t.nested = nested;
  t.tables = std::make_unique<PageTables>(config, rig_.words());
  const PageSize guest = static_cast<PageSize>(pair % 3);
  // A 1 GiB page over 4 KiB ones takes a quarter of a million entries: one of these is enough.
  const bool costly = nested && guest == PageSize::k1G && config.nested_page == PageSize::k4K;
  for (unsigned i = 0; i < kPages; ++i) {
    const bool other = costly ? i > 0 : chance(25);
    const PageSize size = other ? static_cast<PageSize>(random_() % 2) : guest;
    add_page(t, size, config.nested_page);
  }
  if (t.pages.empty()) throw std::runtime_error("no page of the metamorphic world could be mapped");
  for (const Page& page : t.pages) {
    if (chance(25)) spoil(t, page);
  }
  return t;
}

void MetaWorld::add_page(Tables& t, PageSize size, PageSize nested) {
  const std::uint64_t bytes = page_bytes(size);
  const std::uint64_t half = chance(40) ? std::uint64_t{0xffff800000000000} : 0;
  Page page;
  page.size = size;
  page.gva = GuestVirt{half + ((random_() % (std::uint64_t{1} << 34)) & ~(bytes - 1))};
  page.gpa = GuestPhys{(t.nested ? 0 : t.memory) + kData + ((random_() % 0x80000000) & ~(bytes - 1))};
  // Nested pages of its own for some parts of it, before the rest is covered by those that permit everything.
  for (unsigned n = static_cast<unsigned>(random_() % 3); t.nested && !t.pages.empty() && n != 0; --n) {
    EptAttr attr;
    attr.read = chance(90);
    attr.write = attr.read && chance(75);
    attr.execute = chance(75);
    attr.user_execute = chance(50);
    const std::uint8_t types[] = {0, 1, 4, 5, 6, 6, 6, 6};
    attr.memory_type = chance(3) ? 3 : types[random_() % 8];
    attr.ignore_pat = chance(30);
    attr.accessed = chance(50);
    attr.dirty = attr.accessed && chance(50);
    const std::uint64_t mask = ~(page_bytes(nested) - 1);
    const std::uint64_t spot = random_() % bytes;
    const GuestPhys gpa{(page.gpa.value + spot) & mask};
    page.spots.push_back(spot);
    const HostPhys hpa{t.memory + kData + ((random_() % 0x80000000) & mask)};
    (void)t.tables->emap(gpa, hpa, nested, attr);
  }
  GuestAttr attr;
  attr.writable = chance(80);
  attr.user = chance(70);
  attr.no_execute = chance(30);
  attr.global = chance(25);
  attr.accessed = chance(50);
  attr.dirty = attr.accessed && chance(50);
  attr.pat = static_cast<std::uint8_t>(random_() % 8);
  attr.key = static_cast<std::uint8_t>(random_() % 16);
  if (t.pages.empty()) attr = {};
  if (t.tables->map(page.gva, page.gpa, size, attr) != MapError::None) return;
  t.pages.push_back(page);
  // Where the same address leads in the other context.
  const std::uint64_t frame = (std::uint64_t{1} << 33) + (random_() % 0x80000) * 0x1000;
  (void)traffic_->map(GuestVirt{page.gva.value & ~std::uint64_t{0xfff}}, GuestPhys{frame});
}

// Changes one entry on the way to a page so that it denies, is malformed, or lacks flags.
void MetaWorld::spoil(const Tables& t, const Page& page) {
  // The first page stays as it is, so that something translates in every world.
  const auto shares = [](std::uint64_t a, std::uint64_t b) { return (a ^ b) < page_bytes(PageSize::k1G); };
  const Page& first = t.pages.front();
  if (shares(page.gva.value, first.gva.value) || shares(page.gpa.value, first.gpa.value)) return;
  const bool nested = t.nested && chance(50);
  const unsigned level = chance(70) ? 1 + static_cast<unsigned>(page.size) : 1 + static_cast<unsigned>(random_() % 3);
  const auto place = nested ? t.tables->ept_entry(page.gpa, level) : t.tables->guest_entry(page.gva, level);
  if (!place) return;
  std::uint64_t word = place->word;
  switch (random_() % 8) {
    case 0: word = 0; break;
    case 1: word ^= pt::W; break;  // bit 1 is W in both formats
    case 2: word ^= nested ? ept::X : pt::U; break;
    case 3: word &= ~(nested ? ept::A | ept::D : pt::A | pt::D); break;
    case 4: word ^= bit(51); break;
    case 5: word ^= nested ? ept::R : pt::NX; break;
    case 6: word ^= nested ? std::uint64_t{3} << ept::kMemoryTypeShift : pt::G; break;
    default: word ^= pt::PS; break;  // of a large page bit 7 says so, and of a pointer that it is one
  }
  rig_.words().poke(place->hpa, word);
}

void MetaWorld::build_traffic(std::uint64_t base) {
  TableConfig config;
  config.guest_tables = GuestPhys{base + 0x100000};
  traffic_ = std::make_unique<PageTables>(config, rig_.words());
  GuestAttr attr;
  attr.accessed = attr.dirty = true;
  const unsigned numbers[] = {128, 64, 12};
  for (unsigned s = 0; s < 3; ++s) {
    const PageSize size = static_cast<PageSize>(s);
    for (unsigned n = 0; n < numbers[s]; ++n) {
      const std::uint64_t offset = n * page_bytes(size);
      const GuestVirt gva{(std::uint64_t{s + 1} << 36) + offset};
      if (traffic_->map(gva, GuestPhys{base + kData * (size == PageSize::k1G ? 0 : 1) + offset}, size, attr) !=
          MapError::None) {
        throw std::runtime_error("the traffic of the metamorphic world could not be mapped");
      }
      Access a;
      a.gva = gva;
      a.user = true;
      a.ctx = 1;
      evictions_.push_back(a);
    }
  }
  ContextRegs regs;
  regs.wp = regs.nxe = true;
  regs.maxphyaddr = 40;
  if (!rig_.commit(1, traffic_->regs(regs))) throw std::runtime_error("COMMIT of the traffic is busy");
}

void MetaWorld::choose_controls(bool nested) {
  regs_.wp = chance(70);
  regs_.nxe = chance(85);
  regs_.pge = chance(50);
  regs_.pcide = chance(50);
  regs_.smep = chance(40);
  regs_.smap = chance(40);
  regs_.pke = chance(30);
  regs_.pkru = static_cast<std::uint32_t>(random_() & random_());
  regs_.mbe = nested && chance(30);
  regs_.advinfo = nested && chance(50);
  regs_.fault_target = static_cast<std::uint32_t>(random_());
  regs_.page1g = chance(85);
  regs_.maxphyaddr = static_cast<std::uint8_t>(std::min(preset_info(preset_).pa_bits(), 46u) - random_() % 2);
  regs_.vpid = static_cast<std::uint16_t>(1 + random_() % 3);
  if (regs_.pcide) regs_.cr3 |= random_() % 3;
}

// Draws until the registers are of the mode. False: they never are, because the build has no VMM segments.
bool MetaWorld::choose_segments(Mode mode, const Tables& t) {
  const bool guest = mode == Mode::DirectSegment || mode == Mode::GuestDirect || mode == Mode::DualDirect;
  const bool vmm = mode == Mode::VmmDirect || mode == Mode::DualDirect || mode == Mode::Compromis;
  if (vmm && preset_info(preset_).num_vmm_segments() == 0) return false;
  if (!guest && !vmm) return true;
  SegmentPlan plan;
  for (const Page& page : t.pages) {
    plan.gvas.push_back(page.gva.value);
    plan.gpas.push_back(page.gpa.value);
  }
  plan.gpas.push_back(t.tables->cr3());
  plan.memory = t.nested ? 0 : t.memory;
  plan.bytes = kGuestMemory;
  plan.data = plan.memory + kData;
  plan.offset = t.nested ? t.memory : 0;
  plan.vmm_segments = preset_info(preset_).num_vmm_segments();
  RandomSegments segments(random_, plan);
  const auto has_vmm = [&] {
    return std::any_of(regs_.vseg.begin(), regs_.vseg.end(), [](const Segment& s) { return !s.empty(); });
  };
  do {
    regs_.gseg = {};
    regs_.vseg = {};
    segments.change(regs_);
  } while (regs_.gseg.empty() == guest || has_vmm() != vmm || regs_.vseg_miss != (mode == Mode::Compromis));
  return true;
}

// The guest's own root is never read; its page number only names it.
void MetaWorld::enter_shadow(const Tables& t) {
  regs_.shadow = true;
  regs_.cr3 = 0x5000 | (regs_.pcide ? regs_.cr3 & 0xfff : 0);
  const std::uint64_t tag = std::uint64_t{regs_.vpid} << 12 | (regs_.cr3 & 0xfff);
  const auto write = [&](reg::Shadow r, std::uint64_t word) {
    if (!rig_.write_register(reg::shadow_row(0, 0, r), word)) throw std::runtime_error("shadow row refused");
  };
  write(reg::Shadow::GuestRoot, 0x5000);
  write(reg::Shadow::ShadowRoot, t.tables->cr3());
  write(reg::Shadow::Tag, tag);
  write(reg::Shadow::Valid, 1);
}

bool MetaWorld::enter(Mode mode, unsigned pair) {
  const bool native = mode == Mode::Native || mode == Mode::DirectSegment || mode == Mode::Shadow;
  if (mode == Mode::Shadow && preset_info(preset_).shadow_roots() == 0) return false;
  const Tables& t = native ? native_[pair % 3] : nested_[pair];
  for (;;) {
    regs_ = t.tables->regs();
    choose_controls(t.nested);
    if (mode == Mode::Compromis) regs_.ept_en = chance(30);
    if (!regs_.ept_en) {
      regs_.eptp = 0;
      regs_.mbe = regs_.advinfo = false;
    }
    if (native) regs_.virt = mode == Mode::Shadow || chance(30);
    if (!choose_segments(mode, t)) return false;
    if (mode == Mode::Shadow) enter_shadow(t);
    Reject reject = Reject::None;
    if (!rig_.commit(0, regs_, &reject)) throw std::runtime_error("COMMIT is busy");
    if (reject == Reject::None) break;  // segments may overlap now and then
  }
  current_ = &t;
  return true;
}

Access MetaWorld::access() {
  const Page& page = current_->pages[random_() % current_->pages.size()];
  Access a;
  a.gva.value = page.gva.value + random_() % page_bytes(page.size);
  if (!page.spots.empty() && chance(50)) {
    a.gva.value = page.gva.value + (page.spots[random_() % page.spots.size()] ^ random_() % 0x1000);
  }
  if (chance(4)) a.gva.value += page_bytes(page.size);
  if (!regs_.gseg.empty() && chance(40)) {
    const std::uint64_t near[] = {regs_.gseg.base, regs_.gseg.base - 1, regs_.gseg.limit - 1, regs_.gseg.limit,
                                  regs_.gseg.base + random_() % (regs_.gseg.limit - regs_.gseg.base)};
    a.gva.value = near[random_() % 5];
  }
  if (chance(2)) a.gva.value ^= std::uint64_t{1} << 60;
  a.op = chance(50) ? Op::Read : chance(60) ? Op::Write : Op::Fetch;
  a.user = chance(60);
  a.ac = chance(30);
  a.implicit = !a.user && a.op != Op::Fetch && chance(10);
  return a;
}

Access MetaWorld::traffic() {
  if (chance(40)) return evictions_[random_() % evictions_.size()];
  Access a = access();
  a.ctx = chance(50) ? 1 : 0;
  return a;
}

}  // namespace vmmu::tb
