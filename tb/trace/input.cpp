#include "input.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <boost/iostreams/categories.hpp>
#include <boost/iostreams/filter/gzip.hpp>
#include <boost/iostreams/filter/lzma.hpp>
#include <boost/iostreams/filter/zstd.hpp>
#include <boost/iostreams/filtering_streambuf.hpp>
#include <cerrno>
#include <cstring>
#include <exception>
#include <ios>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "zstd_frames.hpp"

namespace vmmu::tb {

namespace {

namespace io = boost::iostreams;

enum class Format { Plain, Gzip, Xz, Zstd };

constexpr std::size_t kBlock = std::size_t{1} << 16;

const char* format_name(Format format) {
  switch (format) {
    case Format::Gzip: return "gzip";
    case Format::Xz: return "xz";
    case Format::Zstd: return "zstd";
    case Format::Plain: break;
  }
  return "plain";
}

// The bytes of the file as they are, with a look ahead at the next block.
class RawFile {
 public:
  RawFile(int fd, std::string name) : fd_(fd), name_(std::move(name)) {}
  ~RawFile() {
    if (fd_ > STDIN_FILENO) ::close(fd_);
  }
  RawFile(const RawFile&) = delete;
  RawFile& operator=(const RawFile&) = delete;

  // What is left of the block, read anew once it is used up. Empty at the end of the file or after an error.
  std::string_view peek(std::size_t at_least = 1) {
    while (!ended_ && error_.empty() && end_ - begin_ < at_least) refill();
    return {buffer_.data() + begin_, end_ - begin_};
  }
  void consume(std::size_t count) { begin_ += count; }

  const std::string& name() const { return name_; }
  const std::string& error() const { return error_; }

 private:
  void refill() {
    if (begin_ == end_) begin_ = end_ = 0;
    const ssize_t got = ::read(fd_, buffer_.data() + end_, buffer_.size() - end_);
    if (got > 0) end_ += static_cast<std::size_t>(got);
    if (got == 0) ended_ = true;
    if (got < 0 && errno != EINTR) error_ = std::strerror(errno);
  }

  int fd_;
  std::string name_;
  std::string error_;
  std::vector<char> buffer_ = std::vector<char>(kBlock);
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  bool ended_ = false;
};

constexpr std::string_view kGzipMagic("\x1f\x8b", 2);
constexpr std::string_view kXzMagic(
    "\xfd"
    "7zXZ\0",
    6);
constexpr std::string_view kZstdMagic("\x28\xb5\x2f\xfd", 4);

// A file that ends inside the magic number is a truncated one of that format.
Format format_of(std::string_view head) {
  if (head.empty()) return Format::Plain;
  const auto begins = [head](std::string_view magic) {
    return head.substr(0, magic.size()) == magic.substr(0, head.size());
  };
  if (begins(kGzipMagic)) return Format::Gzip;
  if (begins(kXzMagic)) return Format::Xz;
  if (begins(kZstdMagic)) return Format::Zstd;
  // A zstd file may begin with a skippable frame, whose magic number has four free bits.
  constexpr std::string_view kSkippableTail("\x2a\x4d\x18", 3);
  if (head.size() >= 4 && (head[0] & 0xf0) == 0x50 && head.substr(1, 3) == kSkippableTail) return Format::Zstd;
  return Format::Plain;
}

class PlainInput : public Input {
 public:
  explicit PlainInput(std::unique_ptr<RawFile> file) : file_(std::move(file)) {}
  bool compressed() const override { return false; }
  const std::string& name() const override { return file_->name(); }

  std::variant<std::size_t, InputError> read(char* buffer, std::size_t capacity) override {
    const std::string_view block = file_->peek();
    if (!file_->error().empty()) return InputError{file_->name() + ": " + file_->error()};
    const std::size_t count = std::min(capacity, block.size());
    std::copy_n(block.data(), count, buffer);
    file_->consume(count);
    return count;
  }

 private:
  std::unique_ptr<RawFile> file_;
};

// What a Boost filter chain reads from: the file, or one zstd frame of it.
class RawDevice {
 public:
  using char_type = char;
  using category = io::source_tag;
  RawDevice(RawFile* file, ZstdFrames* frames) : file_(file), frames_(frames) {}

  std::streamsize read(char* buffer, std::streamsize capacity) {
    if (frames_ != nullptr && (frames_->at_end() || frames_->malformed())) return -1;
    const std::string_view block = file_->peek();
    if (block.empty()) return -1;
    std::size_t count = std::min(static_cast<std::size_t>(capacity), block.size());
    if (frames_ != nullptr) count = frames_->scan(block.data(), count);
    std::copy_n(block.data(), count, buffer);
    file_->consume(count);
    return static_cast<std::streamsize>(count);
  }

 private:
  RawFile* file_;
  ZstdFrames* frames_;
};

class CompressedInput : public Input {
 public:
  CompressedInput(std::unique_ptr<RawFile> file, Format format) : file_(std::move(file)), format_(format) {}
  bool compressed() const override { return true; }
  const std::string& name() const override { return file_->name(); }

  std::variant<std::size_t, InputError> read(char* buffer, std::size_t capacity) override {
    if (failure_) return *failure_;
    try {
      for (;;) {
        if (!stream_ && !begin_part()) return end_of_data();
        const std::streamsize got = stream_->sgetn(buffer, static_cast<std::streamsize>(capacity));
        if (!file_->error().empty()) return fail(file_->error());
        if (got > 0) {
          any_data_ = true;
          return static_cast<std::size_t>(got);
        }
        if (!end_part()) return fail("the zstd data is truncated or corrupted");
      }
    } catch (const std::exception&) {
      if (!file_->error().empty()) return fail(file_->error());
      return fail(std::string("the ") + format_name(format_) + " data is truncated or corrupted");
    }
  }

 private:
  // Sets up the decoder of the next zstd frame, or of the whole file in the other formats (whose Boost filters know
  // concatenated streams). Returns false at the end of the file.
  bool begin_part() {
    if (format_ != Format::Zstd) {
      if (ended_) return false;
      make_stream(nullptr);
      return true;
    }
    if (file_->peek().empty()) return false;
    frames_.next_frame();
    make_stream(&frames_);
    return true;
  }

  // Returns false when the part ended too early.
  bool end_part() {
    stream_.reset();
    ended_ = true;
    return format_ != Format::Zstd || frames_.at_end();
  }

  void make_stream(ZstdFrames* frames) {
    stream_ = std::make_unique<io::filtering_streambuf<io::input>>();
    constexpr std::streamsize kBuffer = kBlock;
    switch (format_) {
      case Format::Gzip: stream_->push(io::gzip_decompressor(io::gzip::default_window_bits, kBuffer), kBuffer); break;
      case Format::Xz: stream_->push(io::lzma_decompressor(kBuffer), kBuffer); break;
      case Format::Zstd: stream_->push(io::zstd_decompressor(kBuffer), kBuffer); break;
      case Format::Plain: break;
    }
    stream_->push(RawDevice(file_.get(), frames), kBuffer);
  }

  std::variant<std::size_t, InputError> end_of_data() {
    if (!file_->error().empty()) return fail(file_->error());
    if (!any_data_) return fail(std::string("the ") + format_name(format_) + " data holds nothing");
    return std::size_t{0};
  }

  InputError fail(const std::string& what) {
    failure_ = InputError{file_->name() + ": " + what};
    return *failure_;
  }

  std::unique_ptr<RawFile> file_;
  Format format_;
  ZstdFrames frames_;
  std::unique_ptr<io::filtering_streambuf<io::input>> stream_;
  std::optional<InputError> failure_;
  bool any_data_ = false;
  bool ended_ = false;
};

}  // namespace

std::variant<std::unique_ptr<Input>, InputError> open_input(const std::string& path) {
  const bool standard_input = path == "-";
  const int fd = standard_input ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const std::string name = standard_input ? "<stdin>" : path;
  if (fd < 0) return InputError{name + ": " + std::strerror(errno)};
  auto file = std::make_unique<RawFile>(fd, name);
  const std::string_view head = file->peek(kXzMagic.size());
  if (!file->error().empty()) return InputError{name + ": " + file->error()};
  const Format format = format_of(head);
  if (format == Format::Plain) return std::unique_ptr<Input>(std::make_unique<PlainInput>(std::move(file)));
  return std::unique_ptr<Input>(std::make_unique<CompressedInput>(std::move(file), format));
}

std::variant<std::string, InputError> read_all(const std::string& path) {
  auto opened = open_input(path);
  if (auto* error = std::get_if<InputError>(&opened)) return *error;
  Input& input = *std::get<std::unique_ptr<Input>>(opened);
  std::string content;
  std::vector<char> buffer(kBlock);
  for (;;) {
    const auto got = input.read(buffer.data(), buffer.size());
    if (const auto* error = std::get_if<InputError>(&got)) return *error;
    const std::size_t count = std::get<std::size_t>(got);
    if (count == 0) return content;
    content.append(buffer.data(), count);
  }
}

}  // namespace vmmu::tb
