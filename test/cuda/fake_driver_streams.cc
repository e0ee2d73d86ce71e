// The driver's functions of work: streams, events, launches and graphs.

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "driver_state.h"

using namespace nnc_emulation;

namespace {

constexpr size_t kStaticSharedBytes = 48 << 10;
constexpr size_t kMaxParameterBytes = 4096;

// Its address tells threads apart.
thread_local char this_thread;

bool IsInjected(const std::string &kernel) {
  const int count = ++driver.launches[kernel];
  const char *fault = std::getenv("NNC_EMULATION_FAULT");
  if (fault == nullptr) return false;
  const std::string text = fault;
  const size_t colon = text.find(':');
  const size_t dash = text.find('-', colon);
  const int first = std::atoi(text.c_str() + colon + 1);
  const int last = dash == std::string::npos ? count : std::atoi(text.c_str() + dash + 1);
  return text.substr(0, colon) == kernel && count >= first && count <= last;
}

Result RunKernel(const NncLaunch &launch) {
  if (IsInjected(launch.kernel->name)) {
    std::snprintf(nnc_fault_message, sizeof nnc_fault_message, "%s, a planted fault",
                  launch.kernel->name);
    return kIllegalAddress;
  }
  switch (nnc_launch(&launch)) {
    case kNncIllegalAddress:
      return kIllegalAddress;
    case kNncFailed:
      return kLaunchFailed;
    case kNncDone:
      break;
  }
  const char *overwritten = nnc_overwritten();
  if (overwritten == nullptr) return kSuccess;
  std::snprintf(nnc_fault_message, sizeof nnc_fault_message, "%s has written after the end of %s",
                launch.kernel->name, overwritten);
  return kIllegalAddress;
}

// Arguments one after the other, each at its own alignment, from either form of `cuLaunchKernel`'s.
bool PackArguments(const NncKernel &kernel, void **arguments, void **extra, std::string *packed) {
  constexpr uintptr_t kBuffer = 1;
  constexpr uintptr_t kBytes = 2;
  const size_t bytes = kernel.parameter_offsets[kernel.parameters];
  if (bytes > kMaxParameterBytes) return false;
  packed->assign(bytes, '\0');
  if (arguments != nullptr) {
    if (extra != nullptr) return false;
    for (unsigned i = 0; i < kernel.parameters; ++i) {
      std::memcpy(packed->data() + kernel.parameter_offsets[i], arguments[i],
                  kernel.parameter_bytes[i]);
    }
    return true;
  }
  const void *buffer = nullptr;
  size_t given = 0;
  for (void **at = extra; at != nullptr && *at != nullptr; at += 2) {
    if (reinterpret_cast<uintptr_t>(*at) == kBuffer) buffer = at[1];
    if (reinterpret_cast<uintptr_t>(*at) == kBytes) given = *static_cast<size_t *>(at[1]);
  }
  if (given != bytes || (buffer == nullptr && bytes > 0)) return false;
  if (bytes > 0) std::memcpy(packed->data(), buffer, bytes);
  return true;
}

// At an address with the alignment of every parameter.
struct alignas(64) ArgumentBlock {
  unsigned char bytes[kMaxParameterBytes];
};

}  // namespace

CUDA cuStreamCreate(Stream **stream, unsigned) {
  DriverLock lock;
  const Result result = CheckContext();
  if (result != kSuccess) return result;
  const auto made = std::make_shared<Stream>(&current->fault);
  current->streams.insert(made);
  *stream = made.get();
  return kSuccess;
}

CUDA cuStreamDestroy_v2(Stream *stream) {
  DriverLock lock;
  if (current == nullptr) return kInvalidContext;
  const auto known = StreamOf(stream);
  if (known == nullptr) return kInvalidHandle;
  known->RunAll();
  current->streams.erase(known);
  return CheckContext();
}

CUDA cuStreamSynchronize(Stream *stream) {
  DriverLock lock;
  const Result result = CheckContext();
  if (result != kSuccess) return result;
  if (StreamOf(stream) == nullptr) return kInvalidHandle;
  if (stream->is_capturing()) {
    stream->InvalidateCapture();
    return kCaptureUnsupported;
  }
  stream->RunAll();
  return CheckContext();
}

CUDA cuStreamWaitEvent(Stream *stream, Event *event, unsigned) {
  DriverLock lock;
  const Result result = CheckContext();
  if (result != kSuccess) return result;
  return StreamOf(stream) == nullptr ? kInvalidHandle : stream->Wait(*event);
}

CUDA cuStreamBeginCapture_v2(Stream *stream, int) {
  DriverLock lock;
  const Result result = CheckContext();
  if (result != kSuccess) return result;
  return StreamOf(stream) == nullptr ? kInvalidHandle : stream->BeginCapture(&this_thread);
}

CUDA cuStreamEndCapture(Stream *stream, Graph **graph) {
  DriverLock lock;
  const Result result = CheckContext();
  *graph = nullptr;
  if (result != kSuccess) return result;
  if (StreamOf(stream) == nullptr) return kInvalidHandle;
  std::shared_ptr<Graph> captured;
  const Result ended = stream->EndCapture(&this_thread, &captured);
  if (ended == kSuccess) *graph = new Graph(*captured);
  return ended;
}

CUDA cuEventCreate(Event **event, unsigned) {
  DriverLock lock;
  const Result result = CheckContext();
  if (result == kSuccess) *event = new Event;
  return result;
}

CUDA cuEventDestroy_v2(Event *event) {
  DriverLock lock;
  delete event;
  return kSuccess;
}

CUDA cuEventRecord(Event *event, Stream *stream) {
  DriverLock lock;
  const Result result = CheckContext();
  if (result != kSuccess) return result;
  return StreamOf(stream) == nullptr ? kInvalidHandle : stream->Record(event);
}

CUDA cuEventSynchronize(Event *event) {
  DriverLock lock;
  const Result result = CheckContext();
  if (result != kSuccess) return result;
  if (event->capture != nullptr) return kCapturedEvent;
  if (event->stream != nullptr) event->stream->RunTo(event->position);
  return CheckContext();
}

static Result Launch(Function *function, unsigned grid_x, unsigned grid_y, unsigned grid_z,
                     unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared_bytes,
                     Stream *stream, void **arguments, void **extra, bool is_cooperative) {
  DriverLock lock;
  const Result result = CheckContext();
  if (result != kSuccess) return result;
  if (StreamOf(stream) == nullptr) return kInvalidHandle;
  const NncKernel *kernel = function->kernel;
  // Kernels of nnc have one axis.
  const bool is_flat = grid_y == 1 && grid_z == 1 && block_y == 1 && block_z == 1;
  if (!is_flat || grid_x == 0 || grid_x > 0x7fffffffu) return kInvalidValue;
  if (block_x == 0 || block_x > kernel->max_threads) return kInvalidValue;
  const size_t allowed = function->dynamic_bytes > 0 ? function->dynamic_bytes
                                                     : kStaticSharedBytes - function->shared_bytes();
  if (function->shared_bytes() > kStaticSharedBytes || shared_bytes > allowed) {
    return kInvalidValue;
  }
  std::string packed;
  if (!PackArguments(*kernel, arguments, extra, &packed)) return kInvalidValue;
  return stream->Enqueue([kernel, grid_x, block_x, shared_bytes, packed, is_cooperative] {
    ArgumentBlock block;
    std::memcpy(block.bytes, packed.data(), packed.size());
    const Result ran =
        RunKernel({kernel, grid_x, block_x, shared_bytes, block.bytes, is_cooperative});
    if (ran != kSuccess && std::getenv("NNC_EMULATION_STICKY") != nullptr) driver.fault = ran;
    return ran;
  });
}

CUDA cuLaunchKernel(Function *function, unsigned grid_x, unsigned grid_y, unsigned grid_z,
                    unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared_bytes,
                    Stream *stream, void **arguments, void **extra) {
  return Launch(function, grid_x, grid_y, grid_z, block_x, block_y, block_z, shared_bytes, stream,
                arguments, extra, false);
}

CUDA cuLaunchCooperativeKernel(Function *function, unsigned grid_x, unsigned grid_y,
                               unsigned grid_z, unsigned block_x, unsigned block_y,
                               unsigned block_z, unsigned shared_bytes, Stream *stream,
                               void **arguments) {
  // One block a multiprocessor, as `cuOccupancyMaxActiveBlocksPerMultiprocessor` says.
  if (!IsCooperative()) return kNotSupported;
  if (grid_x > kMultiprocessors) return kCooperativeLaunchTooLarge;
  return Launch(function, grid_x, grid_y, grid_z, block_x, block_y, block_z, shared_bytes, stream,
                arguments, nullptr, true);
}

CUDA cuGraphInstantiateWithFlags(Graph **execution, Graph *graph, uint64_t) {
  DriverLock lock;
  const Result result = CheckContext();
  if (result == kSuccess) *execution = new Graph(*graph);
  return result;
}

CUDA cuGraphLaunch(Graph *execution, Stream *stream) {
  DriverLock lock;
  const Result result = CheckContext();
  if (result != kSuccess) return result;
  if (StreamOf(stream) == nullptr) return kInvalidHandle;
  const auto graph = std::make_shared<Graph>(*execution);
  return stream->Enqueue([graph] { return graph->Run(); });
}

CUDA cuGraphDestroy(Graph *graph) {
  DriverLock lock;
  delete graph;
  return kSuccess;
}

CUDA cuGraphExecDestroy(Graph *execution) {
  DriverLock lock;
  delete execution;
  return kSuccess;
}
