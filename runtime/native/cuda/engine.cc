#include "engine.h"

#include <algorithm>
#include <utility>

namespace nnc::cuda {
namespace {

constexpr size_t kNamedKernels = 12;

}  // namespace

void Engine::Open() {
  device_ = FindDevice(options_.choice);
  columns_.resize(options_.program.row_bytes.size());
  machine_ = std::make_unique<Machine>(device_, options_.program, options_.image);
}

uint32_t Engine::Allocate(uint64_t bytes) {
  uint32_t name = 0;
  Guard([&](Machine &machine) {
    const DeviceAddress memory = machine.Allocate(bytes);
    if (memory == 0) return;
    name = ++last_memory_;
    memories_.emplace(name, memory);
  });
  return name;
}

void Engine::Free(uint32_t memory) {
  Guard([&](Machine &machine) {
    machine.Free(memories_.at(memory));
    memories_.erase(memory);
  });
}

void Engine::UploadColumn(uint32_t memory, const void *data, size_t bytes) {
  Guard([&](Machine &machine) { machine.UploadColumn(memories_.at(memory), data, bytes); });
}

void Engine::BindColumn(size_t slot, const void *data, uint32_t memory) {
  Guard([&](Machine &) {
    columns_[slot] = {data, memory == 0 ? 0 : memories_.at(memory)};
  });
}

void Engine::Write(Arena arena, uint64_t offset, const void *from, size_t bytes) {
  Guard([&](Machine &machine) { machine.Write(arena, offset, from, bytes); });
}

void Engine::Read(Arena arena, uint64_t offset, void *to, size_t bytes) {
  Guard([&](Machine &machine) { machine.Read(arena, offset, to, bytes); });
}

bool Engine::Run(const Job &job) {
  bool completed = false;
  Guard([&](Machine &machine) { completed = machine.Run(job, columns_, stopping_); }, &job);
  return completed;
}

double Engine::TimeLaunch(const Job &job, size_t launch, double seconds) {
  double result = 0;
  Guard([&](Machine &machine) { result = machine.TimeLaunch(job, launch, seconds, columns_); });
  return result;
}

// What went wrong is the action's own affair, unless nothing can be done with the device since.
void Engine::Guard(const std::function<void(Machine &)> &action, const Job *job) {
  if (machine_ == nullptr) throw LostError(loss_);
  try {
    action(*machine_);
  } catch (const CudaError &error) {
    if (!machine_->IsLost()) throw;
    const size_t first = machine_->first_unfinished();
    const size_t end = machine_->launched();
    machine_.reset();
    loss_ = device_.name + " was lost: " + error.what();
    if (job != nullptr) loss_ += "; " + FindFault(*job, first, end);
    throw LostError(loss_, error.result());
  }
}

// The device does not say which kernel failed. Steps that may have had it are repeated in a new
// context, one kernel after the other; values of parameters went with the old one.
std::string Engine::FindFault(const Job &job, size_t first, size_t end) {
  const Program &program = options_.program;
  const StepGraph &graph = program.graphs[job.graph];
  try {
    Machine machine(device_, program, options_.image);
    for (size_t step = first; step < end && !stopping_.load(); ++step) {
      const std::optional<size_t> failed = machine.FindFault(job, step, columns_);
      if (!failed) continue;
      const Kernel &kernel = program.kernels[graph.launches[*failed].kernel];
      return "kernel " + kernel.label + " fails in step " + std::to_string(step + 1) + " of " +
             std::to_string(job.steps()) + " of the graph " + graph.name;
    }
  } catch (const CudaError &error) {
    return "the kernel cannot be found, as the device cannot be used again in this process (" +
           std::string(error.what()) + "); the graph " + graph.name + " has " +
           KernelNames(graph);
  }
  return "with other values of parameters it could not be reproduced; the graph " + graph.name +
         " has " + KernelNames(graph);
}

std::string Engine::KernelNames(const StepGraph &graph) const {
  std::string names;
  const size_t count = std::min(graph.launches.size(), kNamedKernels);
  for (size_t i = 0; i < count; ++i) {
    names += (i == 0 ? "" : ", ") + options_.program.kernels[graph.launches[i].kernel].name;
  }
  const size_t more = graph.launches.size() - count;
  return more == 0 ? names : names + " and " + std::to_string(more) + " more";
}

}  // namespace nnc::cuda
