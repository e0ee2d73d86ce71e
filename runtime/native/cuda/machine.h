// A model on a device: its context with all that is in it. Used on one thread.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "batches.h"
#include "device.h"
#include "device_memory.h"
#include "kernels.h"
#include "pacer.h"
#include "program.h"
#include "step_feed.h"
#include "step_graphs.h"

namespace nnc::cuda {

// A column of data: where it is on the host, and on the device, or 0 where it is not.
struct BoundColumn {
  const void *host = nullptr;
  DeviceAddress device = 0;
};

class Machine {
 public:
  // Throws CudaError if the device has not what the program needs.
  Machine(const Device &device, const Program &program, const std::vector<char> &image);
  ~Machine();
  Machine(const Machine &) = delete;
  Machine &operator=(const Machine &) = delete;

  // Memory for data, or 0 if the device has no room for it.
  DeviceAddress Allocate(uint64_t bytes);
  // Frees such memory, which is not bound any more.
  void Free(DeviceAddress memory);

  // Fills memory of `Allocate`; ready for the next run.
  void UploadColumn(DeviceAddress to, const void *from, size_t bytes);
  void Write(Arena arena, uint64_t offset, const void *from, size_t bytes);
  void Read(Arena arena, uint64_t offset, void *to, size_t bytes);

  // Runs the steps; ends early and gives false when `stopping` is set. `columns` are by slot.
  bool Run(const Job &job, const std::vector<BoundColumn> &columns,
           const std::atomic<bool> &stopping);

  // Seconds that a launch of the job's graph takes when it is repeated for about `seconds`, as its
  // first step has it. Changes what the launch changes.
  double TimeLaunch(const Job &job, size_t launch, double seconds,
                    const std::vector<BoundColumn> &columns);

  // Runs a step kernel by kernel, and waits for each. Gives the position of the launch that failed.
  std::optional<size_t> FindFault(const Job &job, size_t step,
                                  const std::vector<BoundColumn> &columns);

  // Whether the device does nothing any more, as after a fault.
  bool IsLost() const;

  // Of the last run: the steps that may have failed.
  size_t first_unfinished() const { return pacer_->done(); }
  size_t launched() const { return pacer_->launched(); }

 private:
  // Makes `step` the one that kernels read. `data_` and `addresses_` are for it.
  Bindings Prepare(const Job &job, size_t step, const std::vector<BoundColumn> &columns,
                   bool gathered);
  const std::vector<DeviceAddress> &Place(const StepGraph &graph, const Job &job, size_t step,
                                          const std::vector<BoundColumn> &columns, bool gathered);
  void AwaitCopies();

  const Device &device_;
  const Driver &driver_;
  const Program &program_;
  OwnedContext context_;
  OwnedStream computing_;
  OwnedStream copying_;
  OwnedEvent copied_;
  std::optional<Kernels> kernels_;
  std::optional<DeviceMemory> memory_;
  std::optional<StepFeed> feed_;
  std::optional<StepGraphs> graphs_;
  std::optional<Pacer> pacer_;
  std::optional<Uploader> uploader_;
  // From the first run that needs it on.
  std::optional<Batches> batches_;
  std::map<DeviceAddress, OwnedMemory> columns_;
  // Of the run: the graph's columns, in their order.
  std::vector<DeviceAddress> addresses_;
  std::vector<const void *> data_;
};

}  // namespace nnc::cuda
