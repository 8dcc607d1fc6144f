// Where the frames of a zstd file begin and end, from the container format alone (RFC 8878, section 3.1).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace vmmu::tb {

// Boost's zstd filter takes the end of the file for the end of a frame, wherever it falls. This scanner looks at the
// compressed bytes as they pass and knows whether a frame is whole; it judges no content, which libzstd does.
class ZstdFrames {
 public:
  // Looks at up to `size` bytes and returns how many belong to the current frame; fewer than `size` only when the frame
  // ends there. Must not be called at_end() or when malformed().
  std::size_t scan(const char* data, std::size_t size);

  bool at_end() const { return state_ == State::End; }           // just after the last byte of a frame
  bool malformed() const { return state_ == State::Malformed; }  // no frame begins here
  void next_frame() { *this = ZstdFrames(); }                    // after at_end()

 private:
  enum class State { Magic, SkipSize, Descriptor, HeaderRest, BlockHeader, BlockBody, Checksum, End, Malformed };

  void field_done();
  void expect(State state, std::size_t bytes);
  std::uint32_t field() const;  // the collected bytes, little endian

  State state_ = State::Magic;
  bool checksum_ = false;
  bool last_block_ = false;
  std::uint64_t wanted_ = 4;  // bytes that the present field or body still needs
  std::array<unsigned char, 4> bytes_{};
  std::size_t held_ = 0;
};

}  // namespace vmmu::tb
