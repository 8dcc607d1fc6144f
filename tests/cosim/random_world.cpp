#include "random_world.hpp"

namespace vmmu::tb {
namespace {

constexpr std::uint64_t kArea = std::uint64_t{1} << 32;  // host memory of one context
constexpr std::uint64_t kGuestMemory = 0xc0000000;       // of it, what the guest sees
constexpr std::uint64_t kDataOffset = 0x40000000;        // where its pages begin
constexpr std::uint64_t kGuestLog = 0xbff00000;          // gPA of the guest's log
// Host addresses, after that of the context: logs, and the bitmaps of the VMM segments one after the other.
constexpr std::uint64_t kPml = 0xe0000000;
constexpr std::uint64_t kPrl = 0xe0010000;
constexpr std::uint64_t kPrl2 = 0xe0020000;
constexpr std::uint64_t kBitmaps = 0xe1000000;
constexpr std::uint64_t kBitmapBytes = 0x100000;

}  // namespace

RandomWorld::RandomWorld(std::uint64_t seed, const WorldOptions& options, Poke poke)
    : random_(seed), poke_(std::move(poke)), contexts_(options.contexts), shadow_(options.shadow), options_(options) {
  for (unsigned ctx = 0; ctx < options.contexts; ++ctx) build(ctx, options);
}

void RandomWorld::set_controls(ContextRegs& regs, bool nested) {
  regs.wp = chance(70);
  regs.nxe = chance(85);
  regs.pge = chance(50);
  regs.pcide = chance(50);
  regs.smep = chance(40);
  regs.smap = chance(40);
  regs.pke = chance(30);
  regs.pkru = static_cast<std::uint32_t>(random_() & random_());
  regs.mbe = nested && chance(30);
  regs.advinfo = nested && chance(50);
  regs.fault_target = static_cast<std::uint32_t>(random_());
  regs.page1g = chance(85);
}

void RandomWorld::build(unsigned ctx, const WorldOptions& options) {
  Context& context = contexts_[ctx];
  const std::uint64_t base = kArea * (ctx + 1);
  TableConfig config;
  config.nested = chance(60);
  config.guest_levels = chance(25) ? 5 : 4;
  config.accessed_dirty = config.nested && chance(60);
  config.nested_page = static_cast<PageSize>(random_() % 3);
  config.offset = config.nested ? base : 0;
  config.guest_tables = GuestPhys{(config.nested ? 0 : base) + 0x100000};
  config.ept_tables = HostPhys{base + 0xf0000000};
  context.tables = std::make_unique<PageTables>(config, poke_);

  ContextRegs regs;
  set_controls(regs, config.nested);
  regs.maxphyaddr = static_cast<std::uint8_t>(options.pa_bits - random_() % 3);
  regs.virt = config.nested || chance(30);
  regs.vpid = static_cast<std::uint16_t>(1 + random_() % 3);
  regs.pml_en = options.logging && config.accessed_dirty && chance(70);
  regs.pml_addr = base + kPml;
  regs.pml_watermark = static_cast<std::uint16_t>(random_() % 512);

  const std::uint64_t data = (config.nested ? 0 : base) + kDataOffset;
  for (unsigned i = 0; i < (options.same_page ? 3 : options.pages); ++i) add_page(context, GuestPhys{data});
  if (options.epml && config.nested && chance(80)) {
    EptAttr attr;
    attr.write = chance(90);
    attr.accessed = chance(50);
    attr.dirty = attr.accessed && chance(50);
    (void)context.tables->emap(GuestPhys{kGuestLog}, HostPhys{kGuestLog + base}, PageSize::k4K, attr);
  }
  context.regs = context.tables->regs(regs);
  set_logs(context.regs, ctx);
  if (context.regs.pcide) context.regs.cr3 |= random_() % 3;
  if (options.segments) {
    context.segments = plan_segments(context, options, config.nested ? 0 : base, config.offset);
  }
}

std::unique_ptr<RandomSegments> RandomWorld::plan_segments(const Context& context, const WorldOptions& options,
                                                           std::uint64_t memory, std::uint64_t offset) {
  SegmentPlan plan;
  for (const Page& page : context.pages) {
    plan.gvas.push_back(page.gva.value);
    plan.gpas.push_back(page.gpa.value);
  }
  plan.gpas.push_back(context.tables->cr3());
  plan.memory = memory;
  plan.bytes = kGuestMemory;
  plan.data = memory + kDataOffset;
  plan.offset = offset;
  plan.vmm_segments = options.vmm_segments;
  return std::make_unique<RandomSegments>(random_, std::move(plan));
}

void RandomWorld::set_logs(ContextRegs& regs, unsigned ctx) {
  const std::uint64_t base = kArea * (ctx + 1);
  if (options_.prl) {
    regs.prl_en = chance(60);
    regs.prl_double = options_.prl_double && chance(50);
    regs.prl_addr = base + kPrl;
    regs.prl_addr2 = base + kPrl2;
    regs.prl_watermark = static_cast<std::uint16_t>(random_() % 512);
  }
  if (options_.epml) {
    regs.epml_en = chance(60);
    regs.epml_trigger_ept = chance(50);
    regs.epml_addr = (regs.ept_en || regs.vseg_miss ? 0 : base) + kGuestLog;
    regs.epml_watermark = static_cast<std::uint16_t>(random_() % 512);
  }
  if (options_.seg_log) {
    regs.seg_log_en = chance(60);
    for (unsigned n = 0; n < kMaxVmmSegments; ++n) {
      regs.vseg_bitmap[n] = n < options_.vmm_segments ? base + kBitmaps + kBitmapBytes * n : 0;
    }
    if (chance(60)) regs.pml_en = true;
  }
}

bool RandomWorld::clean_bitmap(unsigned ctx) {
  const ContextRegs& regs = contexts_[ctx].regs;
  if (!regs.seg_log_en || options_.vmm_segments == 0) return false;
  const unsigned n = static_cast<unsigned>(random_() % options_.vmm_segments);
  const Context& context = contexts_[ctx];
  const std::uint64_t gpa =
      chance(30) ? context.tables->cr3() : context.pages[random_() % context.pages.size()].gpa.value;
  if (!regs.vseg[n].contains(gpa)) return false;
  const std::uint64_t page = (gpa - regs.vseg[n].base) >> 12;
  poke_(HostPhys{regs.vseg_bitmap[n] + 8 * (page / 64)}, chance(50) ? 0 : random_());
  return true;
}

void RandomWorld::add_page(Context& context, GuestPhys area) {
  Page page;
  page.size = chance(70) ? PageSize::k4K : chance(70) ? PageSize::k2M : PageSize::k1G;
  const std::uint64_t bytes = page_bytes(page.size);
  const std::uint64_t half = chance(40) ? std::uint64_t{0xffff800000000000} : 0;
  page.gva = GuestVirt{half + ((random_() % (std::uint64_t{1} << 33)) & ~(bytes - 1))};
  page.gpa = GuestPhys{area.value + ((random_() % 0x80000000) & ~(bytes - 1))};
  GuestAttr attr;
  attr.writable = chance(80);
  attr.user = chance(70);
  attr.no_execute = context.regs.nxe && chance(30);
  attr.global = chance(25);
  attr.accessed = chance(50);
  attr.dirty = attr.accessed && chance(50);
  attr.pat = static_cast<std::uint8_t>(random_() % 8);
  attr.key = static_cast<std::uint8_t>(random_() % 16);
  if (context.tables->map(page.gva, page.gpa, page.size, attr) == MapError::None) context.pages.push_back(page);
}

Access RandomWorld::access() {
  Access a;
  a.ctx = static_cast<unsigned>(random_() % contexts_.size());
  const Context& context = contexts_[a.ctx];
  const Page& page = context.pages[random_() % context.pages.size()];
  a.gva.value = page.gva.value + random_() % page_bytes(page.size);
  if (chance(4)) a.gva.value += page_bytes(page.size);
  if (!context.regs.gseg.empty() && chance(20)) a.gva.value = near_segment(context.regs.gseg);
  if (chance(2)) a.gva.value ^= std::uint64_t{1} << 60;
  a.op = chance(50) ? Op::Read : chance(60) ? Op::Write : Op::Fetch;
  a.user = chance(60);
  a.ac = chance(30);
  a.implicit = !a.user && a.op != Op::Fetch && chance(10);
  return a;
}

std::uint64_t RandomWorld::near_segment(const Segment& s) {
  switch (random_() % 5) {
    case 0: return s.base;
    case 1: return s.base - 1;
    case 2: return s.limit - 1;
    case 3: return s.limit;
    default: return s.base + random_() % (s.limit - s.base);
  }
}

std::uint64_t RandomWorld::changed_word(std::uint64_t word, bool nested) {
  switch (random_() % 8) {
    case 0: return 0;
    case 1: return word ^ pt::W;  // bit 1 is W in both formats
    case 2: return word ^ (nested ? ept::X : pt::U);
    case 3: return word & ~(nested ? ept::A | ept::D : pt::A | pt::D);
    case 4: return word ^ bit(51);
    case 5: return nested ? word ^ ept::R : word ^ pt::NX;
    case 6: return word ^ bit(12 + static_cast<unsigned>(random_() % 8));
    default: return word ^ bit(30);
  }
}

void RandomWorld::change_entry() {
  if (!changed_.empty() && chance(55)) {
    const std::size_t i = random_() % changed_.size();
    poke_(changed_[i].addr, changed_[i].original);
    changed_.erase(changed_.begin() + static_cast<std::ptrdiff_t>(i));
    return;
  }
  const Context& context = contexts_[random_() % contexts_.size()];
  const Page& page = context.pages[random_() % context.pages.size()];
  const unsigned level = 1 + static_cast<unsigned>(random_() % 4);
  const bool nested = context.regs.ept_en && chance(50);
  const auto place = nested ? context.tables->ept_entry(page.gpa, level) : context.tables->guest_entry(page.gva, level);
  if (!place) return;
  for (const Changed& c : changed_) {
    if (c.addr == place->hpa) return;
  }
  changed_.push_back({place->hpa, place->word});
  poke_(place->hpa, changed_word(place->word, nested));
}

Invalidation RandomWorld::invalidation() {
  Invalidation inv;
  inv.ctx = static_cast<unsigned>(random_() % contexts_.size());
  const Context& context = contexts_[inv.ctx];
  const Page& page = context.pages[random_() % context.pages.size()];
  inv.op = static_cast<InvOp>(random_() % 14);
  inv.addr = page.gva.value + random_() % page_bytes(page.size);
  inv.pcid = static_cast<std::uint16_t>(random_() % 3);
  inv.vpid = static_cast<std::uint16_t>(1 + random_() % 3);
  if (inv.op == InvOp::Invept1) inv.addr = context.regs.eptp;
  if (inv.op == InvOp::LoadCr3) inv.addr = context.regs.cr3 | (chance(30) ? bit(63) : 0);
  return inv;
}

// The guest's own root is never read; its page number only names it.
void RandomWorld::enter_or_leave_shadow(const Context& context, ContextRegs& regs) {
  if (!regs.virt || regs.ept_en) return;
  regs.shadow = chance(30);
  if (!regs.shadow) return;
  regs.gseg = {};
  regs.vseg = {};
  regs.cr3 = (0x5000 + (context.tables->cr3() & kFrameMask)) | (regs.pcide ? random_() % 3 : 0);
}

ShadowRow RandomWorld::shadow_row(unsigned ctx) const {
  const ContextRegs& regs = contexts_[ctx].regs;
  const std::uint64_t pcid = regs.pcide ? regs.cr3 & 0xfff : 0;
  return {regs.cr3 & kFrameMask, contexts_[ctx].tables->cr3(), std::uint64_t{regs.vpid} << 12 | pcid, true};
}

ContextRegs RandomWorld::other_regs(unsigned ctx) {
  const Context& context = contexts_[ctx];
  ContextRegs regs = context.regs;
  // A change of segments alone keeps what is cached; most of the others do not.
  if (!context.segments || regs.shadow || chance(40)) {
    set_controls(regs, regs.ept_en);
    regs.shadow = false;
    regs.cr3 = context.tables->cr3() | (regs.pcide ? random_() % 3 : 0);
  }
  if (context.segments) context.segments->change(regs);
  set_logs(regs, ctx);
  if (shadow_) enter_or_leave_shadow(context, regs);
  return regs;
}

}  // namespace vmmu::tb
