#include "zstd_frames.hpp"

#include <algorithm>

namespace vmmu::tb {

namespace {

constexpr std::uint32_t kFrameMagic = 0xfd2fb528;
constexpr std::uint32_t kSkippableMagic = 0x184d2a50;  // the low four bits are free
constexpr std::uint32_t kSkippableMask = 0xfffffff0;

// RFC 8878, 3.1.1.1.1: the frame header descriptor tells how long the rest of the header is.
std::size_t header_rest(unsigned descriptor) {
  const unsigned content_size_flag = descriptor >> 6;
  const bool single_segment = (descriptor & 0x20) != 0;
  const unsigned dictionary_flag = descriptor & 3;
  constexpr std::array<std::size_t, 4> kContentSizeBytes = {0, 2, 4, 8};
  constexpr std::array<std::size_t, 4> kDictionaryBytes = {0, 1, 2, 4};
  const std::size_t content_size = content_size_flag == 0 && single_segment ? 1 : kContentSizeBytes[content_size_flag];
  const std::size_t window = single_segment ? 0 : 1;
  return window + kDictionaryBytes[dictionary_flag] + content_size;
}

}  // namespace

std::size_t ZstdFrames::scan(const char* data, std::size_t size) {
  std::size_t used = 0;
  while (used < size && !at_end() && !malformed()) {
    const auto part = static_cast<std::size_t>(std::min<std::uint64_t>(wanted_, size - used));
    for (std::size_t i = 0; i < part && held_ < bytes_.size(); ++i) {
      bytes_[held_++] = static_cast<unsigned char>(data[used + i]);
    }
    used += part;
    wanted_ -= part;
    while (wanted_ == 0 && !at_end() && !malformed()) field_done();
  }
  return used;
}

std::uint32_t ZstdFrames::field() const {
  std::uint32_t value = 0;
  for (std::size_t i = held_; i-- > 0;) value = value << 8 | bytes_[i];
  return value;
}

void ZstdFrames::expect(State state, std::size_t bytes) {
  state_ = state;
  wanted_ = bytes;
  held_ = 0;
}

void ZstdFrames::field_done() {
  switch (state_) {
    case State::Magic:
      if ((field() & kSkippableMask) == kSkippableMagic) return expect(State::SkipSize, 4);
      return field() == kFrameMagic ? expect(State::Descriptor, 1) : expect(State::Malformed, 0);
    case State::SkipSize: last_block_ = true; return expect(State::BlockBody, field());
    case State::Descriptor: checksum_ = (field() & 4) != 0; return expect(State::HeaderRest, header_rest(field()));
    case State::HeaderRest: return expect(State::BlockHeader, 3);
    case State::BlockHeader: {
      // RFC 8878, 3.1.1.2: bit 0 last block, bits 2:1 type (1 is one repeated byte), bits 23:3 size.
      constexpr std::uint32_t kRepeatedByte = 1;
      last_block_ = (field() & 1) != 0;
      const bool repeated = (field() >> 1 & 3) == kRepeatedByte;
      return expect(State::BlockBody, repeated ? 1 : field() >> 3);
    }
    case State::BlockBody:
      if (!last_block_) return expect(State::BlockHeader, 3);
      return expect(State::Checksum, checksum_ ? 4 : 0);
    case State::Checksum: return expect(State::End, 0);
    case State::End:
    case State::Malformed: return;
  }
}

}  // namespace vmmu::tb
