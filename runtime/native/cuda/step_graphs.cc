#include "step_graphs.h"

#include <algorithm>

namespace nnc::cuda {
namespace {

// Each takes some memory of the device and of the host.
constexpr size_t kMaximalGraphs = 64;
// Kernels that may run at the same time; devices hardly run more.
constexpr size_t kMaximalBranches = 16;

// The end of the launches that may run at the same time as the one at `first`.
size_t EndOfBranches(const std::vector<Launch> &launches, size_t first) {
  size_t end = first + 1;
  while (end < launches.size() && launches[end].with_previous) ++end;
  return end;
}

}  // namespace

StepGraphs::StepGraphs(const Driver &driver, const Program &program, const Kernels &kernels,
                       const DeviceMemory &memory, const StepFeed &feed)
    : driver_(driver),
      program_(program),
      kernels_(kernels),
      memory_(memory),
      feed_(feed),
      forked_(CreateEvent(driver)),
      joined_(CreateEvent(driver)) {}

GraphExecution StepGraphs::Get(size_t graph, int n, const std::vector<DeviceAddress> &columns,
                               Stream stream) {
  const auto known = std::find_if(entries_.begin(), entries_.end(), [&](const Entry &entry) {
    return entry.graph == graph && entry.n == n && entry.columns == columns;
  });
  if (known != entries_.end()) {
    entries_.splice(entries_.begin(), entries_, known);
    return known->execution.get();
  }
  if (entries_.size() == kMaximalGraphs) {
    driver_.Check(driver_.cuStreamSynchronize(stream), "steps have failed");
    entries_.pop_back();
  }
  const StepGraph &step = program_.graphs[graph];
  CreateBranches(step.launches);
  OwnedExecution execution =
      Capture("the graph " + step.name, [&] { CaptureLaunches(step, Bind(n, columns)); });
  entries_.push_front({graph, n, columns, std::move(execution)});
  return entries_.front().execution.get();
}

OwnedExecution StepGraphs::Repeat(const Launch &launch, const Bindings &bindings, size_t times) {
  CreateBranches({launch});
  return Capture("a repeated kernel", [&] {
    for (size_t i = 0; i < times; ++i) kernels_.LaunchOn(branches_[0].get(), launch, bindings);
  });
}

void StepGraphs::Forget(DeviceAddress column) {
  entries_.remove_if([column](const Entry &entry) {
    return std::find(entry.columns.begin(), entry.columns.end(), column) != entry.columns.end();
  });
}

Bindings StepGraphs::Bind(int n, const std::vector<DeviceAddress> &columns) const {
  return {{memory_.arena(Arena::kPersistent), memory_.arena(Arena::kTemporaries),
           memory_.arena(Arena::kResults)},
          columns.data(),
          feed_.step(),
          n};
}

OwnedExecution StepGraphs::Capture(const std::string &name,
                                   const std::function<void()> &launches) {
  const Stream stream = branches_[0].get();
  // Of this thread alone: what other threads do meanwhile is theirs.
  driver_.Check(driver_.cuStreamBeginCapture_v2(stream, kCaptureThreadLocal),
                "the step cannot be captured");
  Graph captured = nullptr;
  try {
    launches();
  } catch (...) {
    driver_.cuStreamEndCapture(stream, &captured);
    const OwnedGraph discarded(&driver_, captured);
    // They may still be in what was given up.
    branches_.clear();
    throw;
  }
  const Result result = driver_.cuStreamEndCapture(stream, &captured);
  const OwnedGraph owned(&driver_, captured);
  if (result != 0) driver_.Throw(result, name + " cannot be captured");
  GraphExecution execution = nullptr;
  const Result instantiated = driver_.cuGraphInstantiateWithFlags(&execution, captured, 0);
  if (instantiated != 0) driver_.Throw(instantiated, name + " cannot be set up on the device");
  return {&driver_, execution};
}

void StepGraphs::CreateBranches(const std::vector<Launch> &launches) {
  size_t needed = 1;
  for (size_t first = 0, end = 0; first < launches.size(); first = end) {
    end = EndOfBranches(launches, first);
    needed = std::max(needed, std::min(end - first, kMaximalBranches));
  }
  while (branches_.size() < needed) branches_.push_back(CreateStream(driver_));
}

// Launches that may run at the same time become branches, which end in what comes after them.
void StepGraphs::CaptureLaunches(const StepGraph &graph, const Bindings &bindings) {
  const char *const what = "the branches of a step cannot be captured";
  const Stream main = branches_[0].get();
  kernels_.LaunchNextStep(main, feed_.step(), feed_.next(), StepFeed::RecordWords(graph));
  const std::vector<Launch> &launches = graph.launches;
  for (size_t first = 0, end = 0; first < launches.size(); first = end) {
    end = EndOfBranches(launches, first);
    const size_t branches = std::min(end - first, kMaximalBranches);
    if (branches > 1) driver_.Check(driver_.cuEventRecord(forked_.get(), main), what);
    for (size_t branch = 1; branch < branches; ++branch) {
      driver_.Check(driver_.cuStreamWaitEvent(branches_[branch].get(), forked_.get(), 0), what);
    }
    for (size_t i = first; i < end; ++i) {
      kernels_.LaunchOn(branches_[(i - first) % branches].get(), launches[i], bindings);
    }
    for (size_t branch = 1; branch < branches; ++branch) {
      driver_.Check(driver_.cuEventRecord(joined_.get(), branches_[branch].get()), what);
      driver_.Check(driver_.cuStreamWaitEvent(main, joined_.get(), 0), what);
    }
  }
}

}  // namespace nnc::cuda
