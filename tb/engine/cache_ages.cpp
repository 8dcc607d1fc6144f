#include "engine/cache_ages.hpp"

#include "vmmu/entry_bits.hpp"

namespace vmmu::tb {

Window CacheAges::window(const SpaceTag& space, std::uint64_t accepted) {
  const auto same_space = [&space](const Space& s) { return s.tag == space; };
  auto s = std::find_if(spaces_.begin(), spaces_.end(), same_space);
  if (s == spaces_.end()) s = spaces_.insert(s, {space, accepted});
  Window window;
  window.walk = accepted;
  if (caches_.guest) window.guest = std::min(s->since, accepted);
  if (!space.nested) return window;
  const auto same_root = [&space](const Root& r) { return r.ctx == space.ctx && r.root == space.eptp_root; };
  auto r = std::find_if(roots_.begin(), roots_.end(), same_root);
  if (r == roots_.end()) r = roots_.insert(r, {space.ctx, space.eptp_root, accepted});
  if (caches_.nested) window.nested = std::min(r->since, accepted);
  return window;
}

void CacheAges::invalidated(const Invalidation& inv, const ContextRegs& regs, std::uint64_t since) {
  for (Space& s : spaces_) {
    if (covers_structures(inv, regs, s.tag)) s.since = std::max(s.since, since);
  }
  for (Root& r : roots_) {
    if (covers_nested(inv, r.ctx, r.root)) r.since = std::max(r.since, since);
  }
}

std::uint64_t CacheAges::oldest() const {
  std::uint64_t oldest = kNever;
  for (const Space& s : spaces_) oldest = std::min(oldest, s.since);
  for (const Root& r : roots_) oldest = std::min(oldest, r.since);
  return oldest;
}

}  // namespace vmmu::tb
