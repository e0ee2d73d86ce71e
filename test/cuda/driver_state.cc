#include "driver_state.h"

#include <cstdlib>

namespace nnc_emulation {
namespace {

constexpr size_t kMemoryBytes = size_t{1} << 30;

std::recursive_mutex mutex;

}  // namespace

DriverState driver;
thread_local Context *current = nullptr;

DriverLock::DriverLock() { mutex.lock(); }
DriverLock::~DriverLock() { mutex.unlock(); }

long Setting(const char *name, long otherwise) {
  const char *text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtol(text, nullptr, 10);
}

int Capability() { return static_cast<int>(Setting("NNC_EMULATION_CAPABILITY", 90)); }
bool IsCooperative() { return Setting("NNC_EMULATION_COOPERATIVE", 1) != 0; }
int Devices() { return static_cast<int>(Setting("NNC_EMULATION_DEVICES", 1)); }
size_t TotalBytes() { return static_cast<size_t>(Setting("NNC_EMULATION_MEMORY", kMemoryBytes)); }

size_t MaxSharedBytes() {
  switch (Capability()) {
    case 80:
      return 163 << 10;
    case 90:
      return 227 << 10;
    default:
      return 99 << 10;
  }
}

Result CheckContext() {
  if (!driver.is_initialized) return kNotInitialized;
  if (current == nullptr) return kInvalidContext;
  return driver.fault != kSuccess ? driver.fault : current->fault;
}

Result CheckNoCapture() {
  for (const auto &stream : current->streams) {
    if (!stream->is_capturing()) continue;
    stream->InvalidateCapture();
    return kCaptureUnsupported;
  }
  return CheckContext();
}

Result RunAll() {
  for (const auto &stream : current->streams) stream->RunAll();
  return CheckContext();
}

std::shared_ptr<Stream> StreamOf(Stream *stream) {
  for (const auto &known : current->streams) {
    if (known.get() == stream) return known;
  }
  return nullptr;
}

}  // namespace nnc_emulation
