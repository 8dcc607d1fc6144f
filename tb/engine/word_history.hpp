// What memory words held before software changed them, as far as it still matters to an answer not yet
// judged. Changes by the MMU are left out: they add flags, which no translation loses by.
#pragma once

#include <algorithm>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "vmmu/phys_mem.hpp"

namespace vmmu::tb {

class WordHistory {
 public:
  struct Version {
    std::uint64_t until = 0;  // the word held `value` in all cycles before this one
    std::uint64_t value = 0;
  };

  void changed(HostPhys addr, std::uint64_t before, std::uint64_t now) {
    versions_[addr.value].push_back({now, before});
  }
  // Takes over what `other` knows of that word. False: nothing.
  bool take(HostPhys addr, WordHistory& other) {
    const auto it = other.versions_.find(addr.value);
    if (it == other.versions_.end()) return false;
    std::vector<Version>& mine = versions_[addr.value];
    mine.insert(mine.end(), it->second.begin(), it->second.end());
    const auto earlier = [](const Version& a, const Version& b) { return a.until < b.until; };
    std::stable_sort(mine.begin(), mine.end(), earlier);
    other.versions_.erase(it);
    return true;
  }
  void clear() { versions_.clear(); }
  // Versions that ended before that cycle or in it are of no more interest.
  void forget(std::uint64_t cycle) {
    for (auto word = versions_.begin(); word != versions_.end();) {
      std::vector<Version>& list = word->second;
      const auto over = [cycle](const Version& v) { return v.until <= cycle; };
      list.erase(std::remove_if(list.begin(), list.end(), over), list.end());
      word = list.empty() ? versions_.erase(word) : std::next(word);
    }
  }
  bool empty() const { return versions_.empty(); }

  // Whether the word was another one at that cycle or later.
  bool changed_since(HostPhys addr, std::uint64_t cycle) const {
    const std::vector<Version>* list = versions(addr);
    return list != nullptr && list->back().until > cycle;
  }

  // Oldest first; null: the word has always been what it is now.
  const std::vector<Version>* versions(HostPhys addr) const {
    const auto it = versions_.find(addr.value);
    return it == versions_.end() ? nullptr : &it->second;
  }

 private:
  std::unordered_map<std::uint64_t, std::vector<Version>> versions_;
};

}  // namespace vmmu::tb
