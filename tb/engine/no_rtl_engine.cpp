// Stands in for the engines that need the Verilated RTL in a build without it.
#include <stdexcept>

#include "engine/engine.hpp"

namespace vmmu::tb {
namespace {
[[noreturn]] void refuse() { throw std::runtime_error("this executable was built without RTL; use --engine model"); }
}  // namespace

std::unique_ptr<Engine> make_rtl_engine(const EngineOptions&) { refuse(); }
std::unique_ptr<Engine> make_lockstep_engine(const EngineOptions&) { refuse(); }
std::vector<Preset> built_presets() { return {}; }

}  // namespace vmmu::tb
