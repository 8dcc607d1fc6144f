#include "address_space.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "footprint.hpp"
#include "vmmu/layout.hpp"
#include "vmmu/page_tables.hpp"

namespace vmmu::tb {

namespace {

using layout::align_up;
using layout::GuestRange;
using layout::HostRange;
using layout::LayoutError;
using layout::Leaves;
using layout::Placement;
using layout::VirtRange;

constexpr std::uint64_t kPage = page_bytes(PageSize::k4K);
constexpr std::uint64_t kLowest = std::uint64_t{1} << 20;  // what lies below stays unused, at both levels
constexpr unsigned kGuestLevels = 4;
constexpr std::uint16_t kVpid = 1;
constexpr unsigned kUsualWidth = 46;
// No program's half of the address space is larger.
constexpr std::uint64_t kLargestSegment = std::uint64_t{1} << 47;
// Four levels of EPT reach as far.
constexpr std::uint64_t kLargestGuest = std::uint64_t{1} << 48;

constexpr unsigned levels(PageSize size) { return 4 - static_cast<unsigned>(size); }

}  // namespace

std::vector<std::uint64_t> touched_pages(const std::vector<PackedAccess>& accesses) {
  std::vector<std::uint64_t> pages;
  std::unordered_set<std::uint64_t> seen;
  // Programs stay on few pages for long: the last page of each kind of access spares most look-ups.
  std::uint64_t last[3] = {~std::uint64_t{0}, ~std::uint64_t{0}, ~std::uint64_t{0}};
  for (const PackedAccess access : accesses) {
    const std::uint64_t page = access.gva().value / kPage;
    std::uint64_t& memo = last[static_cast<unsigned>(access.op())];
    if (page == memo) continue;
    memo = page;
    if (seen.insert(page).second) pages.push_back(page);
  }
  return pages;
}

// Builds one address space, step by step; the first error stays.
class SpaceBuilder {
 public:
  SpaceBuilder(const ReplayCase& replay_case, const std::vector<std::uint64_t>& touched,
               const Capabilities& capabilities, const AddressSpace::Poke& poke)
      : case_(replay_case),
        traits_(traits(replay_case.mode)),
        touched_(touched),
        capabilities_(capabilities),
        host_{[](HostPhys) { return std::uint64_t{0}; }, poke} {}

  std::variant<AddressSpace, std::string> build() {
    choose_registers();
    plan();
    if (!fits()) {
      return fmt::format("the trace touches more pages of {} bytes than {} physical-address bits can hold",
                         page_bytes(case_.guest_page), capabilities_.pa_bits);
    }
    if (const std::string error = make(); !error.empty()) return error;
    for (const std::uint64_t page : touched_) space_.pages_.emplace(page, expectation(page));
    return std::move(space_);
  }

 private:
  ContextRegs& regs() { return space_.regs_; }

  void choose_registers() {
    regs().wp = true;
    regs().nxe = true;
    regs().pge = true;
    regs().virt = traits_.virtualized;
    regs().ept_en = traits_.ept;
    regs().shadow = case_.mode == ReplayMode::Shadow;
    regs().vseg_miss = case_.mode == ReplayMode::Compromis;
    regs().vpid = traits_.virtualized ? kVpid : 0;
    // A guest segment may need guest-physical addresses as far apart as the program's addresses are.
    regs().maxphyaddr = static_cast<std::uint8_t>(traits_.guest_segment ? capabilities_.pa_bits
                                                                        : std::min(capabilities_.pa_bits, kUsualWidth));
  }

  std::uint64_t host_end() { return std::uint64_t{1} << regs().maxphyaddr; }

  // Sizes of everything, before anything is made.
  void plan() {
    if (traits_.guest_segment) {
      segment_ = primary_range(touched_, std::min(kLargestSegment, host_end() / 4));
    }
    std::vector<std::uint64_t> outside;
    for (const std::uint64_t page : touched_) {
      if (!segment_.contains({page * kPage})) outside.push_back(page);
    }
    pages_ = plan_pages(outside, case_);
    // Guest has to be sure of a table for each level, even for the last page.
    tables_ = {{kLowest}, (table_pages(pages_) + kGuestLevels) * kPage};
    PageSize largest = PageSize::k4K;
    std::uint64_t bytes = segment_.bytes;
    for (const PlannedPage& page : pages_) {
      largest = std::max(largest, page.size);
      bytes += page_bytes(page.size);
    }
    // Between pages of two sizes alignment may cost one more.
    if (case_.thp) bytes += page_bytes(largest);
    guest_end_ = align_up(align_up(tables_.end().value, page_bytes(largest)) + bytes, page_bytes(case_.vmm_page));
    // EPT leaves are made for pages that are touched, each with at most three tables of its own; a shadow table is one
    // of the same size. They lie below the guest's memory.
    const std::uint64_t host_tables = 3 * (touched_.size() + tables_.bytes / kPage) + 8;
    host_memory_ = traits_.virtualized ? align_up(kLowest + host_tables * kPage, page_bytes(PageSize::k1G)) : 0;
  }

  bool fits() {
    const std::uint64_t end = host_end();
    return guest_end_ <= end && host_memory_ <= end - guest_end_ && (!traits_.ept || guest_end_ <= kLargestGuest);
  }

  std::string make() {
    if (traits_.virtualized) make_vmm();
    if (error_ == LayoutError::None) make_guest();
    if (error_ == LayoutError::None && traits_.ept) make_ept_leaves();
    if (error_ == LayoutError::None && traits_.vmm_segments) make_vmm_segments();
    if (error_ == LayoutError::None && case_.mode == ReplayMode::Shadow) make_shadow();
    return error_ == LayoutError::None ? "" : fmt::format("layout: {}", to_string(error_));
  }

  void note(LayoutError error) {
    if (error_ == LayoutError::None) error_ = error;
  }

  void make_vmm() {
    layout::VmmConfig config;
    config.memory = {{host_memory_}, host_end() - host_memory_};
    config.page = case_.vmm_page;
    config.ept_tables.reset();
    if (traits_.ept) config.ept_tables = HostPhys{kLowest};
    vmm_.emplace(config, host_);
    // Compromis: from the top down, so that each piece of the guest's memory has an offset of its own, as on a host
    // whose free memory is in pieces.
    const std::uint64_t pieces = case_.mode == ReplayMode::Compromis ? capabilities_.vmm_segments : 1;
    const std::uint64_t step = align_up(guest_end_ / pieces, kPage);
    for (std::uint64_t piece = pieces; piece-- > 0;) {
      const std::uint64_t first = piece * step;
      const std::uint64_t end = std::min(first + step, guest_end_);
      if (first < end) note(vmm_->back({{first}, end - first}, Placement::Contiguous, Leaves::OnDemand));
    }
  }

  void make_guest() {
    const layout::GuestWords words =
        vmm_ ? vmm_->guest_words()
             : layout::GuestWords{[](GuestPhys) { return std::uint64_t{0}; },
                                  [this](GuestPhys addr, std::uint64_t word) { host_.poke({addr.value}, word); }};
    layout::GuestConfig config;
    config.memory = {{{kLowest}, guest_end_ - kLowest}};
    config.tables = tables_;
    guest_.emplace(config, words);
    note(guest_->ready());
    for (const PlannedPage& page : pages_) {
      const VirtRange range{page.base, page_bytes(page.size)};
      if (error_ == LayoutError::None) note(guest_->map(range, Placement::Contiguous, page.size));
    }
    regs().cr3 = guest_->tables().cr3();
    if (segment_.empty() || error_ != LayoutError::None) return;
    note(guest_->map(segment_, Placement::Contiguous, PageSize::k4K, Leaves::OnDemand));
    const auto segment = layout::guest_segment(guest_->mapping(), segment_);
    if (!segment) return note(LayoutError::NotMapped);
    regs().gseg = *segment;
  }

  // What no VMM segment translates.
  void make_ept_leaves() {
    regs().eptp = vmm_->eptp();
    if (traits_.vmm_segments) return;
    for (std::uint64_t at = 0; at < guest_->tables().guest_table_pages() * kPage; at += kPage) {
      note(vmm_->touch({tables_.base.value + at}));
    }
    for (const std::uint64_t page : touched_) note(vmm_->touch(*guest_->physical_of({page * kPage})));
  }

  void make_vmm_segments() {
    const unsigned most = case_.mode == ReplayMode::Compromis ? capabilities_.vmm_segments : 1;
    const auto tiles = layout::tiling(vmm_->mapping(), guest_end_, most);
    if (!tiles) return note(LayoutError::NotMapped);
    std::copy(tiles->begin(), tiles->end(), regs().vseg.begin());
  }

  // The hypervisor's copy of the guest's tables with host addresses: each leaf is as large as both levels allow.
  void make_shadow() {
    TableConfig config;
    config.guest_tables = {kLowest};
    PageTables shadow(config, host_.poke);
    for (const std::uint64_t page : touched_) {
      const PageSize size = leaf_size({page * kPage});
      const GuestVirt base{layout::align_down(page * kPage, page_bytes(size))};
      // The builder of native tables calls an address of memory a gPA.
      const GuestPhys frame{layout::align_down(host_of(page * kPage).value, page_bytes(size))};
      const MapError error = shadow.map(base, frame, size);
      if (error != MapError::None && error != MapError::AlreadyMapped) return note(LayoutError::Tables);
    }
    space_.shadow_row_ = ShadowRow{regs().cr3, shadow.cr3(), std::uint64_t{kVpid} << 12, true};
  }

  HostPhys host_of(std::uint64_t gva) const {
    const GuestPhys gpa = *guest_->physical_of({gva});
    return vmm_ ? *vmm_->host_of(gpa) : HostPhys{gpa.value};
  }
  PageSize guest_size(GuestVirt gva) const { return *guest_->page_size(gva); }
  PageSize leaf_size(GuestVirt gva) const { return std::min(guest_size(gva), case_.vmm_page); }

  // Architecture, section 3: what a full walk costs; and section 7: which size is answered.
  AddressSpace::Page expectation(std::uint64_t page) const {
    const GuestVirt gva{page * kPage};
    AddressSpace::Page result;
    result.frame = host_of(gva.value).value / kPage;
    const bool in_segment = segment_.contains(gva);
    unsigned guest = in_segment ? 0 : levels(guest_size(gva));
    const unsigned host = traits_.ept && !traits_.vmm_segments ? levels(case_.vmm_page) : 0;
    result.size = in_segment || traits_.vmm_segments ? PageSize::k4K : guest_size(gva);
    if (traits_.ept && !traits_.vmm_segments) result.size = std::min(result.size, case_.vmm_page);
    if (case_.mode == ReplayMode::Shadow) {
      result.size = leaf_size(gva);
      guest = levels(result.size);
    }
    result.references = static_cast<std::uint8_t>(guest + (guest + 1) * host);
    result.checks = static_cast<std::uint8_t>((segment_.empty() ? 0 : 1) + (traits_.vmm_segments ? guest + 1 : 0));
    return result;
  }

  const ReplayCase& case_;
  const ModeTraits& traits_;
  const std::vector<std::uint64_t>& touched_;
  const Capabilities capabilities_;
  const layout::HostWords host_;
  AddressSpace space_;
  VirtRange segment_;
  std::vector<PlannedPage> pages_;  // outside of the segment
  GuestRange tables_;
  std::uint64_t guest_end_ = 0;    // gPA
  std::uint64_t host_memory_ = 0;  // hPA where the guest's memory begins
  std::optional<layout::Vmm> vmm_;
  std::optional<layout::Guest> guest_;
  LayoutError error_ = LayoutError::None;
};

std::variant<AddressSpace, std::string> AddressSpace::build(const ReplayCase& replay_case,
                                                            const std::vector<std::uint64_t>& pages,
                                                            const Capabilities& capabilities, const Poke& poke) {
  return SpaceBuilder(replay_case, pages, capabilities, poke).build();
}

Expectation AddressSpace::expected(GuestVirt gva) const {
  const Page& page = pages_.at(gva.value / kPage);
  Expectation expectation;
  expectation.translation.hpa = {page.frame * kPage + gva.value % kPage};
  expectation.translation.size = page.size;
  expectation.references = page.references;
  expectation.checks = page.checks;
  return expectation;
}

std::optional<unsigned> AddressSpace::references_per_walk() const {
  std::optional<unsigned> same;
  for (const auto& [number, page] : pages_) {
    if (same && *same != page.references) return std::nullopt;
    same = page.references;
  }
  return same;
}

}  // namespace vmmu::tb
