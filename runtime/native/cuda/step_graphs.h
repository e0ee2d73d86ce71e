// Steps as CUDA graphs: everything that a step launches is handed to the device by one call. A graph
// is for one size of batch, and for the addresses at which the columns of data are.
#pragma once

#include <functional>
#include <list>
#include <string>
#include <vector>

#include "device_memory.h"
#include "kernels.h"
#include "step_feed.h"

namespace nnc::cuda {

class StepGraphs {
 public:
  StepGraphs(const Driver &driver, const Program &program, const Kernels &kernels,
             const DeviceMemory &memory, const StepFeed &feed);

  // Captured when it is asked for the first time. `columns` are the addresses of the graph's columns.
  // Throws CudaError with the kernel's label where one cannot be launched. What was given before may
  // not be launched any more unless `stream` has come to its end.
  GraphExecution Get(size_t graph, int n, const std::vector<DeviceAddress> &columns, Stream stream);

  // One launch of a graph so many times after itself, to be timed.
  OwnedExecution Repeat(const Launch &launch, const Bindings &bindings, size_t times);

  // Forgets graphs that read this memory, which nothing on the device does any more.
  void Forget(DeviceAddress column);

  Bindings Bind(int n, const std::vector<DeviceAddress> &columns) const;

 private:
  struct Entry {
    size_t graph;
    int n;
    std::vector<DeviceAddress> columns;
    OwnedExecution execution;
  };

  // What `launches` puts on the first branch; messages call it `name`.
  OwnedExecution Capture(const std::string &name, const std::function<void()> &launches);
  void CaptureLaunches(const StepGraph &graph, const Bindings &bindings);
  void CreateBranches(const std::vector<Launch> &launches);

  const Driver &driver_;
  const Program &program_;
  const Kernels &kernels_;
  const DeviceMemory &memory_;
  const StepFeed &feed_;
  // The last used first.
  std::list<Entry> entries_;
  // Only captured, never run: the first has what others fork from.
  std::vector<OwnedStream> branches_;
  OwnedEvent forked_;
  OwnedEvent joined_;
};

}  // namespace nnc::cuda
