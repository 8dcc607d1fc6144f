#include "trace/output.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/iostreams/categories.hpp>
#include <boost/iostreams/filter/gzip.hpp>
#include <boost/iostreams/filter/lzma.hpp>
#include <boost/iostreams/filter/zstd.hpp>
#include <boost/iostreams/filtering_stream.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <ios>

namespace vmmu::tb {
namespace {

namespace io = boost::iostreams;

InputError failure(const std::string& path, int error) { return {fmt::format("{}: {}", path, std::strerror(error))}; }

// What the compressors write to. The first error sticks; it outlives the stream, which hides errors of its end.
struct Sink {
  using char_type = char;
  using category = io::sink_tag;
  int fd;
  int* error;

  std::streamsize write(const char* bytes, std::streamsize count) {
    std::streamsize done = 0;
    while (done < count && *error == 0) {
      const ssize_t wrote = ::write(fd, bytes + done, static_cast<std::size_t>(count - done));
      if (wrote >= 0) {
        done += wrote;
      } else if (errno != EINTR) {
        *error = errno;
      }
    }
    return count;
  }
};

bool ends_with(const std::string& path, std::string_view end) {
  return path.size() > end.size() && path.compare(path.size() - end.size(), end.size(), end) == 0;
}

class FileOutput : public Output {
 public:
  FileOutput(std::string path, std::string neighbour, int fd)
      : path_(std::move(path)), neighbour_(std::move(neighbour)), fd_(fd) {
    if (ends_with(path_, ".gz")) stream_.push(io::gzip_compressor());
    if (ends_with(path_, ".xz")) stream_.push(io::lzma_compressor());
    if (ends_with(path_, ".zst")) stream_.push(io::zstd_compressor());
    stream_.push(Sink{fd_, &error_});
  }
  ~FileOutput() override {
    close_stream();
    if (fd_ >= 0) ::close(fd_);
    if (!finished_) ::unlink(neighbour_.c_str());
  }
  FileOutput(const FileOutput&) = delete;
  FileOutput& operator=(const FileOutput&) = delete;

  void write(std::string_view bytes) override {
    stream_.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    if (!stream_ && error_ == 0) error_ = EIO;
  }

  std::optional<InputError> finish() override {
    close_stream();
    if (error_ == 0 && ::close(fd_) != 0) error_ = errno;
    fd_ = -1;
    if (error_ == 0 && std::rename(neighbour_.c_str(), path_.c_str()) != 0) error_ = errno;
    if (error_ != 0) return failure(path_, error_);
    finished_ = true;
    return std::nullopt;
  }

 private:
  void close_stream() {
    try {
      stream_.reset();
    } catch (const std::exception&) {
      if (error_ == 0) error_ = EIO;
    }
  }

  std::string path_;
  std::string neighbour_;
  int fd_;
  int error_ = 0;
  bool finished_ = false;
  io::filtering_ostream stream_;
};

mode_t permissions() {
  const mode_t mask = ::umask(0);
  ::umask(mask);
  return 0666 & ~mask;
}

}  // namespace

std::variant<std::unique_ptr<Output>, InputError> Output::create(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) {
    return InputError{fmt::format("{}: expected the name of a regular file", path)};
  }
  std::string neighbour = fmt::format("{}.XXXXXX", path);
  const int fd = ::mkstemp(neighbour.data());
  if (fd < 0) return failure(path, errno);
  if (::fchmod(fd, permissions()) != 0) {
    const int error = errno;
    ::close(fd);
    ::unlink(neighbour.c_str());
    return failure(path, error);
  }
  return std::unique_ptr<Output>(std::make_unique<FileOutput>(path, std::move(neighbour), fd));
}

}  // namespace vmmu::tb
