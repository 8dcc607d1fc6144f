// The reference model: an untimed, cacheless MMU that does to memory exactly what the contract says.
#pragma once

#include <cstdint>
#include <vector>

#include "vmmu/observer.hpp"
#include "vmmu/phys_mem.hpp"
#include "vmmu/registers.hpp"
#include "vmmu/shadow.hpp"
#include "vmmu/types.hpp"

namespace vmmu {

struct BuildParams {
  unsigned num_contexts = 4;     // 2 .. 16
  unsigned pa_bits = 52;         // 36 .. 52
  unsigned max_restarts = 1024;  // a walk restarted more often than this is a bus error at the word that it lost
  unsigned num_vmm_segments = kMaxVmmSegments;  // 0 .. kMaxVmmSegments
  unsigned shadow_roots = kShadowRows;          // 0: no shadow paging; else kShadowRows
  bool prl = true;                              // page-reference log
  bool epml = true;                             // the guest's log
  bool seg_log = true;                          // dirty bitmaps of VMM segments
};

class Mmu {
 public:
  Mmu(BuildParams params, PhysMem& memory);

  // Judges `regs` and, if they are legal, makes them active at once; active() then shows what the registers hold, with
  // the bits that read as zero gone. Otherwise the old ones stay and Event::CommitRejected is raised. ctx is below
  // num_contexts. Under SHADOW the root is looked up (see held()).
  Reject commit(unsigned ctx, const ContextRegs& regs);
  // GCOMMIT: the guest's own registers only. A rejected one raises GuestEvent::CommitRejected.
  Reject commit_guest(unsigned ctx, const GuestRegs& regs);
  // LOAD_CR3 with a value that fits MAXPHYADDR, bit 63 taken off. Under SHADOW the root is looked up.
  void load_cr3(unsigned ctx, std::uint64_t cr3);
  const ContextRegs& active(unsigned ctx) const;
  // Makes registers active that were so before, with the shadow root that they had: neither judged nor looked up, and
  // no event. For a checker that goes back to what a request was accepted under.
  void restore(unsigned ctx, const ContextRegs& regs, std::uint64_t shadow_root, bool held = false);

  // Shadow paging. A row may change at any time; it counts at the next search: COMMIT, load_cr3() or root_done(). A
  // search that finds nothing raises Event::ShadowRoot and holds the context: no access of it may be made until a later
  // search finds its root.
  void set_shadow_row(unsigned ctx, unsigned row, const ShadowRow& value);
  const ShadowRow& shadow_row(unsigned ctx, unsigned row) const;
  void root_done(unsigned ctx);
  bool held(unsigned ctx) const { return contexts_[ctx].held; }
  std::uint64_t shadow_root(unsigned ctx) const { return contexts_[ctx].live.shadow_root; }
  // A guest invalidation under SHADOW: queued, with Event::SyncPending. False: the queue is full, nothing was done.
  bool queue_sync(const SyncRequest& request);
  const SyncQueue& sync_queue() const { return sync_queue_; }
  // SYNC_DONE: the context's oldest, which the caller now carries out on what it caches.
  std::optional<SyncRequest> sync_done(unsigned ctx) { return sync_queue_.done(ctx); }

  // A full walk with all its effects on memory, logs and events.
  Result access(const Access& access, WalkObserver* observer = nullptr);

  // The same walk without any effect: no flag, record, counter or event. Nothing of what it would
  // write is written; `wants_write` tells whether it would have set a flag. The walk reads back what it
  // would have written, so the result is that of the access, unless the bus fails or another writer
  // interferes: memory is only looked at. The PRL, which records answers and not changes, is left out. The observer may
  // call restore() for the access's context: what follows is translated under those registers.
  struct Peek {
    Result result;
    bool wants_write = false;
  };
  Peek peek(const Access& access, WalkObserver* observer = nullptr) const;

  // Index of a log, 16 bits: where the next record goes, full when any of bits 15:9 is set. Writing that of the PRL
  // re-arms it without prl_double: prl_status::kFirstFull is cleared.
  std::uint16_t log_index(unsigned ctx, Log log) const;
  void set_log_index(unsigned ctx, Log log, std::uint16_t index);
  std::uint16_t pml_index(unsigned ctx) const { return log_index(ctx, Log::Pml); }
  void set_pml_index(unsigned ctx, std::uint16_t index) { set_log_index(ctx, Log::Pml, index); }
  // PRL_STATUS, bits of prl_status. Clearing a full bit re-arms that buffer. With prl_double, if both were full, it
  // becomes the one in use with index 511; of two cleared at once the one that was filled first does.
  std::uint8_t prl_status(unsigned ctx) const { return contexts_[ctx].live.prl_status; }
  void clear_prl_status(unsigned ctx, std::uint8_t full_bits);
  // As it was left by what this model has not seen, like restore(): software cannot write it.
  void restore_prl_status(unsigned ctx, std::uint8_t status) { contexts_[ctx].live.prl_status = status; }
  // PRL_DROPS: records that found no room since the last clear_prl_drops(); stays at its largest value.
  std::uint32_t prl_drops(unsigned ctx) const { return contexts_[ctx].live.prl_drops; }
  void clear_prl_drops(unsigned ctx) { contexts_[ctx].live.prl_drops = 0; }
  // LOG_ERROR_REC: the latest record, of any log and context, that memory refused.
  std::uint64_t log_error_record() const { return log_error_record_; }
  bool event(unsigned ctx, Event e) const;
  // Clearing Event::LogError also makes room in the logs that it closed.
  void clear_event(unsigned ctx, Event e);
  bool event(unsigned ctx, GuestEvent e) const;
  void clear_event(unsigned ctx, GuestEvent e);

 private:
  struct Context {
    ContextRegs regs;
    LiveRegs live;
    ShadowRows shadow_rows;
    bool held = false;
  };

  void search_root(Context& context);

  BuildParams params_;
  PhysMem& memory_;
  std::vector<Context> contexts_;
  SyncQueue sync_queue_;
  std::uint64_t log_error_record_ = 0;
};

}  // namespace vmmu
