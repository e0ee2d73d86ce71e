#include "device_memory.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

namespace nnc::cuda {
namespace {

constexpr uint64_t kAlignment = 256;
constexpr size_t kPieceBytes = size_t{4} << 20;
// What columns of data leave free at least: drivers need some of it, and so do graphs.
constexpr uint64_t kReserveBytes = uint64_t{512} << 20;

uint64_t RoundUp(uint64_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

// `1.5 GiB`, `320 MiB`, `12 KiB`.
std::string SizeName(uint64_t bytes) {
  const char *unit = "KiB";
  double size = static_cast<double>(bytes) / 1024;
  for (const char *larger : {"MiB", "GiB"}) {
    if (size < 1024) break;
    size /= 1024;
    unit = larger;
  }
  char text[32];
  std::snprintf(text, sizeof text, size < 10 ? "%.1f %s" : "%.0f %s", size, unit);
  return text;
}

}  // namespace

DeviceMemory::DeviceMemory(const Device &device, const Program &program, uint64_t feed_bytes,
                           Stream stream) {
  const Driver &driver = *device.driver;
  const ArenaBytes &arenas = program.arenas;
  const uint64_t sizes[] = {arenas.persistent, arenas.temporaries, arenas.results, feed_bytes};
  uint64_t total = 0;
  for (const uint64_t size : sizes) total += RoundUp(size);
  memory_ = AllocateMemory(device, "the model " + program.model, total);
  DeviceAddress next = memory_.get();
  for (size_t i = 0; i < 4; ++i) {
    starts_[i] = next;
    next += RoundUp(sizes[i]);
  }
  for (const Arena zeroed : {Arena::kPersistent, Arena::kResults}) {
    const uint64_t size = sizes[static_cast<size_t>(zeroed)];
    if (size == 0) continue;
    driver.Check(driver.cuMemsetD8Async(arena(zeroed), 0, size, stream),
                 "memory of the device cannot be set to zero");
  }
}

OwnedMemory AllocateMemory(const Device &device, const std::string &what, uint64_t bytes) {
  const Driver &driver = *device.driver;
  DeviceAddress address = 0;
  const Result result = driver.cuMemAlloc_v2(&address, std::max<uint64_t>(bytes, 1));
  if (result == 0) return {&driver, address};
  if (result != kOutOfMemory) driver.Throw(result, "no memory of the device can be had");
  size_t free = 0;
  size_t total = 0;
  driver.cuMemGetInfo_v2(&free, &total);
  throw CudaError(what + " needs " + SizeName(bytes) + " of memory on " + device.name +
                      ", which has " + SizeName(total) + ", " + SizeName(free) +
                      " of them free: end what else uses it, or build with a smaller batch_size",
                  result);
}

OwnedMemory AllocateIfRoomy(const Driver &driver, uint64_t bytes) {
  size_t free = 0;
  size_t total = 0;
  driver.Check(driver.cuMemGetInfo_v2(&free, &total), "the device does not tell its memory");
  const uint64_t reserve = std::min<uint64_t>(kReserveBytes, total / 16);
  if (bytes + reserve > free) return {};
  DeviceAddress address = 0;
  const Result result = driver.cuMemAlloc_v2(&address, std::max<uint64_t>(bytes, 1));
  if (result == kOutOfMemory) return {};
  driver.Check(result, "no memory of the device can be had");
  return {&driver, address};
}

Uploader::Uploader(const Driver &driver)
    : driver_(driver), pinned_(AllocatePinned(driver, kPieces * kPieceBytes)) {
  for (OwnedEvent &event : copied_) event = CreateEvent(driver);
}

void Uploader::Upload(Stream stream, DeviceAddress to, const void *from, size_t bytes) {
  for (size_t done = 0; done < bytes;) {
    const size_t piece = std::min(bytes - done, kPieceBytes);
    char *const pinned = static_cast<char *>(pinned_.get()) + turn_ * kPieceBytes;
    const OwnedEvent &copied = copied_[turn_];
    // Of an event that was never recorded this returns at once.
    driver_.Check(driver_.cuEventSynchronize(copied.get()), "data cannot be copied to the device");
    std::memcpy(pinned, static_cast<const char *>(from) + done, piece);
    driver_.Check(driver_.cuMemcpyHtoDAsync_v2(to + done, pinned, piece, stream),
                  "data cannot be copied to the device");
    driver_.Check(driver_.cuEventRecord(copied.get(), stream), "an event cannot be recorded");
    done += piece;
    turn_ = (turn_ + 1) % kPieces;
  }
}

}  // namespace nnc::cuda
