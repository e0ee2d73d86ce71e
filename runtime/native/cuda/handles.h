// Things of the driver that are given back when their owner goes. What giving back says is ignored:
// it fails only where the context is lost, and then all of it is gone.
#pragma once

#include <utility>

#include "driver.h"

namespace nnc::cuda {

template <typename Handle, auto kDestroy>
class Owned {
 public:
  Owned() = default;
  Owned(const Driver *driver, Handle handle) : driver_(driver), handle_(handle) {}
  ~Owned() { Reset(); }
  Owned(Owned &&other) noexcept
      : driver_(other.driver_), handle_(std::exchange(other.handle_, Handle{})) {}
  Owned &operator=(Owned &&other) noexcept {
    std::swap(driver_, other.driver_);
    std::swap(handle_, other.handle_);
    return *this;
  }

  void Reset() {
    if (handle_ != Handle{}) (driver_->*kDestroy)(handle_);
    handle_ = Handle{};
  }
  Handle get() const { return handle_; }

 private:
  const Driver *driver_ = nullptr;
  Handle handle_{};
};

using OwnedContext = Owned<Context, &Driver::cuCtxDestroy_v2>;
using OwnedModule = Owned<Module, &Driver::cuModuleUnload>;
using OwnedStream = Owned<Stream, &Driver::cuStreamDestroy_v2>;
using OwnedEvent = Owned<Event, &Driver::cuEventDestroy_v2>;
using OwnedGraph = Owned<Graph, &Driver::cuGraphDestroy>;
using OwnedExecution = Owned<GraphExecution, &Driver::cuGraphExecDestroy>;
// Memory of the device, aligned to 256 bytes at least.
using OwnedMemory = Owned<DeviceAddress, &Driver::cuMemFree_v2>;
// Memory of the host that the device copies from and to by itself.
using OwnedPinned = Owned<void *, &Driver::cuMemFreeHost>;

// All throw CudaError.

inline OwnedStream CreateStream(const Driver &driver) {
  Stream stream = nullptr;
  driver.Check(driver.cuStreamCreate(&stream, kStreamNonBlocking), "no stream can be created");
  return {&driver, stream};
}

inline OwnedEvent CreateEvent(const Driver &driver) {
  Event event = nullptr;
  const unsigned flags = kEventBlockingSync | kEventWithoutTiming;
  driver.Check(driver.cuEventCreate(&event, flags), "no event can be created");
  return {&driver, event};
}

inline OwnedPinned AllocatePinned(const Driver &driver, size_t bytes) {
  void *memory = nullptr;
  driver.Check(driver.cuMemHostAlloc(&memory, bytes, 0), "no memory of the host can be pinned");
  return {&driver, memory};
}

}  // namespace nnc::cuda
