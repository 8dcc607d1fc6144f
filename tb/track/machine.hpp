// A guest on an MMU, and what its hypervisor and its own kernel can see and change of it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <variant>
#include <vector>

#include "engine/engine.hpp"
#include "replay/address_space.hpp"
#include "track/tlb_filter.hpp"
#include "track/workload.hpp"

namespace vmmu::tb {

// Which logs are on. Buffers and bitmaps are placed by the machine.
struct Logging {
  bool pml = false;
  bool seg_log = false;  // dirty bitmaps of the VMM segments; PML takes the records
  bool prl = false;
  bool prl_double = false;
  bool epml = false;  // trigger: the guest's dirty flag
};

// The guest cannot go on, or came out where its tables do not lead; the text is for the user.
struct GuestStopped : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Why this engine cannot log so; empty if it can.
std::string missing_logging(const Engine& engine, const Logging& logging);

// Everything of the guest is paged in 4 KiB, the unit that dirty pages are tracked in. Every write of the guest leaves
// a number of its own in the word that it goes to, so that copies of memory can be compared. Records and tables are
// read from the engine's memory, as software would.
class Machine {
 public:
  // Memory, tables and registers of a guest that touches `pages`. An error says why it cannot be.
  static std::variant<std::unique_ptr<Machine>, std::string> build(Engine& engine, Preset preset, ReplayMode mode,
                                                                   const Logging& logging,
                                                                   const std::vector<std::uint64_t>& pages);
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  // Software's answer to a fault; false: it does not know it.
  using Handler = std::function<bool(const Fault&)>;
  void on_fault(Handler handler) { handler_ = std::move(handler); }

  // One access of the guest, repeated after each fault that the handler takes. Throws GuestStopped.
  void run(PackedAccess access);

  // Pages of the workload, by gVA.
  const std::vector<std::uint64_t>& pages() const { return pages_; }
  GuestPhys gpa_of(std::uint64_t page) const { return frames_.at(page).gpa; }
  HostPhys hpa_of(std::uint64_t page) const { return frames_.at(page).hpa; }
  // All of the guest's memory that is in use, page tables first, by gPA.
  const std::vector<GuestPhys>& memory() const { return memory_; }
  HostPhys host_of(GuestPhys gpa) const;

  std::uint64_t peek(HostPhys addr) const { return engine_.peek(addr); }
  void poke(HostPhys addr, std::uint64_t word) { engine_.poke(addr, word); }
  // The last-level guest entry of a page of the workload; none inside a guest segment.
  std::optional<HostPhys> guest_leaf(std::uint64_t page) const;
  // The last-level EPT entry; none without EPT.
  std::optional<HostPhys> ept_leaf(GuestPhys gpa) const;
  // Word and bit number of the page in its segment's dirty bitmap; none outside of the segments.
  struct BitPlace {
    HostPhys word;
    unsigned bit = 0;
  };
  std::optional<BitPlace> bitmap_place(GuestPhys gpa) const;

  // Software has changed tables or bitmaps, as a hypervisor or as the guest's kernel.
  void invalidate_nested();
  void invalidate_guest();

  // Takes the records out of a log, in the order in which they were made, and re-arms it. Of the PRL with two buffers:
  // those of every full one, and with `all` those of the one in use too.
  std::vector<std::uint64_t> drain(Log log, bool all = true);
  std::uint64_t drops();  // of the PRL, until now
  Engine& engine() { return engine_; }

  // The truth, for judging a tracker, not for driving it: pages written since the last call.
  std::unordered_set<std::uint64_t> take_written();
  // Accesses that no TLB answered: with the model those that its filter left, else what the RTL counted.
  std::uint64_t walks() const { return filter_ ? walks_ : engine_.counter(Counter::Walks).value_or(0); }

 private:
  struct Frame {
    GuestPhys gpa;
    HostPhys hpa;
  };

  Machine(Engine& engine, Preset preset, AddressSpace space, std::vector<std::uint64_t> pages);
  void place_logs(const Logging& logging);
  void list_memory();
  void list_tables(GuestPhys table, unsigned level);
  std::optional<GuestPhys> walk_guest(std::uint64_t gva) const;
  std::optional<HostPhys> entry_of(std::uint64_t root, std::uint64_t address, bool guest) const;
  std::vector<std::uint64_t> take_records(HostPhys page, std::uint16_t index);
  std::vector<std::uint64_t> drain_double(bool all);
  void invalidate(InvOp op);

  Engine& engine_;
  AddressSpace space_;
  ContextRegs regs_;
  std::vector<std::uint64_t> pages_;
  std::uint64_t epml_page_ = 0;  // gVA page number of the buffer that the guest's kernel gives
  std::unordered_map<std::uint64_t, Frame> frames_;
  std::vector<GuestPhys> memory_;
  std::optional<TlbFilter> filter_;  // in front of the model, which has no TLB
  Handler handler_ = [](const Fault&) { return false; };
  std::unordered_set<std::uint64_t> written_;
  std::uint64_t stamp_ = 0;
  std::uint64_t walks_ = 0;
};

}  // namespace vmmu::tb
