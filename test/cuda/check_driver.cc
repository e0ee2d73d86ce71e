// Checks of the emulated driver, one a run, by name: that it does work as late as CUDA may, and notices what CUDA forbids.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>

#include "compile_image.h"
#include "driver_state.h"

using namespace nnc_emulation;

CUDA cuInit(unsigned);
CUDA cuCtxCreate_v2(Context **, unsigned, int);
CUDA cuCtxDestroy_v2(Context *);
CUDA cuCtxSynchronize();
CUDA cuModuleLoadDataEx(Module **, const void *, unsigned, int *, void **);
CUDA cuModuleGetFunction(Function **, Module *, const char *);
CUDA cuFuncSetAttribute(Function *, int, int);
CUDA cuMemAlloc_v2(uint64_t *, size_t);
CUDA cuMemHostAlloc(void **, size_t, unsigned);
CUDA cuMemcpyHtoDAsync_v2(uint64_t, const void *, size_t, Stream *);
CUDA cuMemcpyDtoHAsync_v2(void *, uint64_t, size_t, Stream *);
CUDA cuStreamCreate(Stream **, unsigned);
CUDA cuStreamSynchronize(Stream *);
CUDA cuStreamWaitEvent(Stream *, Event *, unsigned);
CUDA cuStreamBeginCapture_v2(Stream *, int);
CUDA cuStreamEndCapture(Stream *, Graph **);
CUDA cuEventCreate(Event **, unsigned);
CUDA cuEventRecord(Event *, Stream *);
CUDA cuLaunchKernel(Function *, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned,
                    unsigned, Stream *, void **, void **);
CUDA cuGraphInstantiateWithFlags(Graph **, Graph *, uint64_t);
CUDA cuGraphLaunch(Graph *, Stream *);

namespace {

constexpr char kSource[] = R"(
extern "C" __global__ void __launch_bounds__(1) add(float *x, float y) { x[0] += y; }
extern "C" __global__ void __launch_bounds__(1) multiply(float *x, float y) { x[0] *= y; }
extern "C" __global__ void __launch_bounds__(1) fault(float *x, float y) { x[1 << 20] = y; }
)";

void Expect(bool condition, const char *what) {
  if (condition) return;
  std::printf("not so: %s\n", what);
  std::exit(1);
}
#define EXPECT(condition) Expect(condition, #condition)
#define CALL(call) EXPECT((call) == kSuccess)

// A device with one number, and two streams.
struct Device {
  Device() {
    CALL(cuInit(0));
    Open();
  }
  void Open() {
    CALL(cuCtxCreate_v2(&context, 0, 0));
    const CompileResult compiled = CompileImage(kSource, "check.cu");
    EXPECT(compiled.succeeded);
    CALL(cuModuleLoadDataEx(&module, compiled.image.c_str(), 0, nullptr, nullptr));
    CALL(cuMemAlloc_v2(&number, sizeof(float)));
    for (Stream *&stream : streams) CALL(cuStreamCreate(&stream, 1));
    for (Event *&event : events) CALL(cuEventCreate(&event, 0));
    void *memory = nullptr;
    CALL(cuMemHostAlloc(&memory, sizeof(float), 0));
    pinned = static_cast<float *>(memory);
  }
  Function *Find(const char *name) {
    Function *function = nullptr;
    CALL(cuModuleGetFunction(&function, module, name));
    return function;
  }
  Result Launch(const char *name, float operand, Stream *stream, unsigned shared_bytes = 0) {
    void *arguments[] = {&number, &operand};
    return cuLaunchKernel(Find(name), 1, 1, 1, 1, 1, 1, shared_bytes, stream, arguments, nullptr);
  }
  void Write(float value, Stream *stream) {
    CALL(cuMemcpyHtoDAsync_v2(number, &value, sizeof value, stream));
  }
  float Read() {
    CALL(cuCtxSynchronize());
    CALL(cuMemcpyDtoHAsync_v2(pinned, number, sizeof(float), streams[0]));
    CALL(cuStreamSynchronize(streams[0]));
    return *pinned;
  }

  Context *context = nullptr;
  Module *module = nullptr;
  uint64_t number = 0;
  Stream *streams[2] = {};
  Event *events[2] = {};
  float *pinned = nullptr;
};

// What is pinned is read when the copy is made; other memory is the caller's at once.
void CopyLate() {
  Device device;
  *device.pinned = 1;
  CALL(cuMemcpyHtoDAsync_v2(device.number, device.pinned, sizeof(float), device.streams[0]));
  *device.pinned = 2;
  EXPECT(device.Read() == 2);
  float ordinary = 3;
  CALL(cuMemcpyHtoDAsync_v2(device.number, &ordinary, sizeof(float), device.streams[0]));
  ordinary = 4;
  EXPECT(device.Read() == 3);
}

// Nothing has arrived in pinned memory before it is waited for.
void ReadLate() {
  Device device;
  device.Write(5, device.streams[0]);
  *device.pinned = 0;
  CALL(cuMemcpyDtoHAsync_v2(device.pinned, device.number, sizeof(float), device.streams[0]));
  EXPECT(*device.pinned == 0);
  CALL(cuStreamSynchronize(device.streams[1]));
  EXPECT(*device.pinned == 0);
  CALL(cuStreamSynchronize(device.streams[0]));
  EXPECT(*device.pinned == 5);
}

// Streams follow each other by events only.
void Events() {
  for (const bool waits : {false, true}) {
    Device device;
    device.Write(1, device.streams[0]);
    CALL(cuStreamSynchronize(device.streams[0]));
    CALL(device.Launch("add", 2, device.streams[0]));
    CALL(cuEventRecord(device.events[0], device.streams[0]));
    if (waits) CALL(cuStreamWaitEvent(device.streams[1], device.events[0], 0));
    CALL(device.Launch("multiply", 10, device.streams[1]));
    CALL(cuStreamSynchronize(device.streams[1]));
    EXPECT(device.Read() == (waits ? 30 : 12));
    CALL(cuCtxDestroy_v2(device.context));
  }
}

// (x + 2) and (x · 10) as branches, joined or not.
Result Capture(Device *device, bool joins, bool orders, Graph **graph) {
  Stream *main = device->streams[0];
  Stream *branch = device->streams[1];
  CALL(cuStreamBeginCapture_v2(main, 1));
  CALL(cuEventRecord(device->events[0], main));
  CALL(device->Launch("add", 2, main));
  if (orders) CALL(cuEventRecord(device->events[0], main));
  CALL(cuStreamWaitEvent(branch, device->events[0], 0));
  CALL(device->Launch("multiply", 10, branch));
  CALL(cuEventRecord(device->events[1], branch));
  if (joins) CALL(cuStreamWaitEvent(main, device->events[1], 0));
  return cuStreamEndCapture(main, graph);
}

// Nothing is computed by a capture; branches of a graph run in the other order than they were captured in.
void Graphs() {
  for (const bool orders : {false, true}) {
    Device device;
    device.Write(1, device.streams[0]);
    CALL(cuStreamSynchronize(device.streams[0]));
    Graph *graph = nullptr;
    Graph *execution = nullptr;
    CALL(Capture(&device, true, orders, &graph));
    EXPECT(device.Read() == 1);
    CALL(cuGraphInstantiateWithFlags(&execution, graph, 0));
    for (int i = 0; i < 2; ++i) CALL(cuGraphLaunch(execution, device.streams[0]));
    EXPECT(device.Read() == (orders ? 320 : 122));
    CALL(cuCtxDestroy_v2(device.context));
  }
}

void Captures() {
  Device device;
  Graph *graph = nullptr;
  EXPECT(Capture(&device, false, false, &graph) == kCaptureUnjoined);
  // What waits is forbidden meanwhile, and spoils the capture.
  CALL(cuStreamBeginCapture_v2(device.streams[0], 1));
  EXPECT(cuStreamSynchronize(device.streams[0]) == kCaptureUnsupported);
  EXPECT(device.Launch("add", 1, device.streams[0]) == kCaptureInvalidated);
  EXPECT(cuStreamEndCapture(device.streams[0], &graph) == kCaptureInvalidated);
  CALL(cuStreamBeginCapture_v2(device.streams[0], 1));
  uint64_t memory = 0;
  EXPECT(cuMemAlloc_v2(&memory, 4) == kCaptureUnsupported);
  EXPECT(cuStreamEndCapture(device.streams[0], &graph) == kCaptureInvalidated);
  // Events from without are no part of a graph.
  CALL(cuEventRecord(device.events[0], device.streams[1]));
  CALL(cuStreamBeginCapture_v2(device.streams[0], 1));
  EXPECT(cuStreamWaitEvent(device.streams[0], device.events[0], 0) == kCaptureIsolation);
  EXPECT(cuStreamEndCapture(device.streams[0], &graph) == kCaptureInvalidated);
  CALL(Capture(&device, true, true, &graph));
}

// A fault is told by what waits for it, and stays with its context.
void Faults() {
  Device device;
  CALL(device.Launch("fault", 1, device.streams[0]));
  CALL(device.Launch("add", 1, device.streams[0]));
  EXPECT(cuStreamSynchronize(device.streams[0]) == kIllegalAddress);
  EXPECT(std::strstr(nnc_fault_message, "fault, block 0, thread 0: an access") != nullptr);
  uint64_t memory = 0;
  EXPECT(cuMemAlloc_v2(&memory, 4) == kIllegalAddress);
  EXPECT(cuCtxSynchronize() == kIllegalAddress);
  CALL(cuCtxDestroy_v2(device.context));
  device.Open();
  device.Write(1, device.streams[0]);
  CALL(device.Launch("add", 1, device.streams[0]));
  EXPECT(device.Read() == 2);
}

void Limits() {
  Device device;
  Stream *stream = device.streams[0];
  constexpr unsigned kMost = 48 << 10;
  CALL(device.Launch("add", 1, stream, kMost));
  EXPECT(device.Launch("add", 1, stream, kMost + 1) == kInvalidValue);
  CALL(cuFuncSetAttribute(device.Find("add"), 8, kMost + 1));
  CALL(device.Launch("add", 1, stream, kMost + 1));
  EXPECT(cuFuncSetAttribute(device.Find("add"), 8, 228 << 10) == kInvalidValue);
  float operand = 1;
  void *arguments[] = {&device.number, &operand};
  EXPECT(cuLaunchKernel(device.Find("add"), 1, 1, 1, 2, 1, 1, 0, stream, arguments, nullptr) ==
         kInvalidValue);
  EXPECT(cuLaunchKernel(device.Find("add"), 0, 1, 1, 1, 1, 1, 0, stream, arguments, nullptr) ==
         kInvalidValue);
  uint64_t memory = 0;
  EXPECT(cuMemAlloc_v2(&memory, size_t{2} << 30) == kOutOfMemory);
  EXPECT(cuMemcpyHtoDAsync_v2(device.number + 4, &operand, 4, stream) == kInvalidValue);
  Module *module = nullptr;
  EXPECT(cuModuleLoadDataEx(&module, "not an image", 0, nullptr, nullptr) == kInvalidImage);
}

const std::map<std::string, void (*)()> kChecks = {
    {"copies", CopyLate}, {"reads", ReadLate}, {"events", Events}, {"graphs", Graphs},
    {"captures", Captures}, {"faults", Faults}, {"limits", Limits},
};

}  // namespace

int main(int count, char **arguments) {
  const auto found = kChecks.find(count == 2 ? arguments[1] : "");
  if (found == kChecks.end()) return 2;
  found->second();
  return 0;
}
