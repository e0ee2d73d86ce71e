#include "machine.h"

#include <algorithm>
#include <chrono>

namespace nnc::cuda {
namespace {

// Of a launch that is timed, in one graph: enough for launches of the graph not to be what is timed.
constexpr size_t kRepetitions = 16;
constexpr double kMaximalLaunches = 10000;

OwnedContext CreateContext(const Device &device) {
  const Driver &driver = *device.driver;
  Context context = nullptr;
  const Result result = driver.cuCtxCreate_v2(&context, 0, device.number);
  if (result == kOutOfMemory) {
    throw CudaError(device.name + " has no memory left at all: end what else uses it", result);
  }
  if (result != 0) {
    throw CudaError(device.name + " cannot be used (" + driver.Describe(result) +
                        "): start the program again, and if that does not help, the machine",
                    result);
  }
  return {&driver, context};
}

// Kernels number the rows of all columns alike, so all are gathered or none.
bool IsGathered(const StepGraph &graph, const std::vector<BoundColumn> &columns) {
  return std::any_of(graph.columns.begin(), graph.columns.end(),
                     [&](size_t slot) { return columns[slot].device == 0; });
}

}  // namespace

// A context of its own, so that a fault of other models, or of other users of the device in this
// process, leaves this one alone, and its own fault leaves them alone.
Machine::Machine(const Device &device, const Program &program, const std::vector<char> &image)
    : device_(device),
      driver_(*device.driver),
      program_(program),
      context_(CreateContext(device)) {
  // Creating a context makes it the thread's.
  computing_ = CreateStream(driver_);
  copying_ = CreateStream(driver_);
  copied_ = CreateEvent(driver_);
  kernels_.emplace(device_, program_, image);
  memory_.emplace(device_, program_, StepFeed::Bytes(program_), computing_.get());
  feed_.emplace(driver_, program_, memory_->feed(), computing_.get());
  graphs_.emplace(driver_, program_, *kernels_, *memory_, *feed_);
  pacer_.emplace(driver_, computing_.get());
  uploader_.emplace(driver_);
}

// What is in flight has to end first. What that says has been said, or nobody waits for it.
Machine::~Machine() { driver_.cuCtxSynchronize(); }

DeviceAddress Machine::Allocate(uint64_t bytes) {
  OwnedMemory memory = AllocateIfRoomy(driver_, bytes);
  const DeviceAddress address = memory.get();
  if (address != 0) columns_.emplace(address, std::move(memory));
  return address;
}

void Machine::Free(DeviceAddress memory) {
  graphs_->Forget(memory);
  columns_.erase(memory);
}

void Machine::UploadColumn(DeviceAddress to, const void *from, size_t bytes) {
  uploader_->Upload(copying_.get(), to, from, bytes);
}

void Machine::Write(Arena arena, uint64_t offset, const void *from, size_t bytes) {
  uploader_->Upload(computing_.get(), memory_->arena(arena) + offset, from, bytes);
}

void Machine::Read(Arena arena, uint64_t offset, void *to, size_t bytes) {
  if (bytes == 0) return;
  const char *const what = "data cannot be copied from the device";
  driver_.Check(driver_.cuMemcpyDtoHAsync_v2(to, memory_->arena(arena) + offset, bytes,
                                             computing_.get()),
                what);
  driver_.Check(driver_.cuStreamSynchronize(computing_.get()), what);
}

bool Machine::Run(const Job &job, const std::vector<BoundColumn> &columns,
                  const std::atomic<bool> &stopping) {
  const StepGraph &graph = program_.graphs[job.graph];
  const bool gathered = IsGathered(graph, columns);
  const size_t steps = job.steps();
  pacer_->Begin();
  AwaitCopies();
  for (size_t step = 0, uploaded = 0; step < steps; ++step) {
    if (stopping.load(std::memory_order_relaxed)) break;
    if (step == uploaded) uploaded += feed_->Upload(graph, job, step, gathered);
    const std::vector<DeviceAddress> &addresses = Place(graph, job, step, columns, gathered);
    const GraphExecution execution =
        graphs_->Get(job.graph, job.n(step), addresses, computing_.get());
    driver_.Check(driver_.cuGraphLaunch(execution, computing_.get()), "a step cannot be launched");
    if (gathered) batches_->Launched();
    pacer_->Launched();
  }
  driver_.Check(driver_.cuStreamSynchronize(computing_.get()), "steps have failed");
  return pacer_->launched() == steps;
}

// Launches of the host, and waiting for them, take time, too: many are compared with one.
double Machine::TimeLaunch(const Job &job, size_t launch, double seconds,
                           const std::vector<BoundColumn> &columns) {
  const Stream stream = computing_.get();
  const bool gathered = IsGathered(program_.graphs[job.graph], columns);
  AwaitCopies();
  const Bindings bindings = Prepare(job, 0, columns, gathered);
  const OwnedExecution repeated = graphs_->Repeat(program_.graphs[job.graph].launches[launch],
                                                  bindings, kRepetitions);
  const auto time = [&](size_t count) {
    const auto start = std::chrono::steady_clock::now();
    for (size_t i = 0; i < count; ++i) {
      driver_.Check(driver_.cuGraphLaunch(repeated.get(), stream), "a kernel cannot be launched");
    }
    driver_.Check(driver_.cuStreamSynchronize(stream), "a kernel has failed");
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  time(1);
  const double once = time(1);
  const size_t count =
      static_cast<size_t>(std::clamp(seconds / std::max(once, 1e-9), 1.0, kMaximalLaunches));
  const double many = time(1 + count);
  if (gathered) batches_->Launched();
  return std::max(0.0, many - once) / static_cast<double>(count * kRepetitions);
}

std::optional<size_t> Machine::FindFault(const Job &job, size_t step,
                                         const std::vector<BoundColumn> &columns) {
  const StepGraph &graph = program_.graphs[job.graph];
  const Stream stream = computing_.get();
  const Bindings bindings = Prepare(job, step, columns, true);
  for (size_t i = 0; i < graph.launches.size(); ++i) {
    kernels_->LaunchOn(stream, graph.launches[i], bindings);
    if (driver_.cuStreamSynchronize(stream) != 0) return i;
  }
  batches_->Launched();
  return std::nullopt;
}

Bindings Machine::Prepare(const Job &job, size_t step, const std::vector<BoundColumn> &columns,
                          bool gathered) {
  const StepGraph &graph = program_.graphs[job.graph];
  const Stream stream = computing_.get();
  feed_->Upload(graph, job, step, gathered);
  const std::vector<DeviceAddress> &addresses = Place(graph, job, step, columns, gathered);
  kernels_->LaunchNextStep(stream, feed_->step(), feed_->next(), StepFeed::RecordWords(graph));
  driver_.Check(driver_.cuStreamSynchronize(stream), "the step cannot be repeated");
  return graphs_->Bind(job.n(step), addresses);
}

bool Machine::IsLost() const { return driver_.cuCtxSynchronize() != 0; }

// Where the columns of the graph are for a step.
const std::vector<DeviceAddress> &Machine::Place(const StepGraph &graph, const Job &job,
                                                 size_t step,
                                                 const std::vector<BoundColumn> &columns,
                                                 bool gathered) {
  if (gathered) {
    if (!batches_) batches_.emplace(device_, program_, computing_.get(), copying_.get());
    data_.clear();
    for (const size_t slot : graph.columns) data_.push_back(columns[slot].host);
    return batches_->Gather(graph, data_, job.rows + step * job.batch_size, job.n(step));
  }
  if (step == 0) {
    addresses_.clear();
    for (const size_t slot : graph.columns) addresses_.push_back(columns[slot].device);
  }
  return addresses_;
}

// What was copied on the other stream is there for all that comes next.
void Machine::AwaitCopies() {
  const char *const what = "data cannot be copied to the device";
  driver_.Check(driver_.cuEventRecord(copied_.get(), copying_.get()), what);
  driver_.Check(driver_.cuStreamWaitEvent(computing_.get(), copied_.get(), 0), what);
}

}  // namespace nnc::cuda
