// A model's life on a device, faults included: what a session does on its thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "machine.h"

namespace nnc::cuda {

// The device was lost, by a fault or otherwise: the engine does nothing any more.
class LostError : public CudaError {
 public:
  using CudaError::CudaError;
};

struct EngineOptions {
  DeviceChoice choice;
  Program program;
  std::vector<char> image;
};

class Engine {
 public:
  explicit Engine(EngineOptions options) : options_(std::move(options)) {}

  // All of these are for one thread, `Open` first, and throw CudaError, or LostError if the device
  // is lost.

  void Open();
  // Gives a number that names memory for a column, or 0 if the device has no room for it.
  uint32_t Allocate(uint64_t bytes);
  void Free(uint32_t memory);
  void UploadColumn(uint32_t memory, const void *data, size_t bytes);
  // `data` has to stay until another column is bound to the slot; `memory` is 0 for what is handed
  // over batch by batch.
  void BindColumn(size_t slot, const void *data, uint32_t memory);
  void Write(Arena arena, uint64_t offset, const void *from, size_t bytes);
  void Read(Arena arena, uint64_t offset, void *to, size_t bytes);
  // False if it ended early because of `Stop`.
  bool Run(const Job &job);
  // Seconds that one launch of the job's graph takes, see `Machine`.
  double TimeLaunch(const Job &job, size_t launch, double seconds);
  // Gives everything back.
  void Close() { machine_.reset(); }

  // From any thread: a run ends after the steps in flight.
  void Stop() { stopping_.store(true); }

 private:
  // `job`: what the action runs, if it does.
  void Guard(const std::function<void(Machine &)> &action, const Job *job = nullptr);
  std::string FindFault(const Job &job, size_t first, size_t end);
  std::string KernelNames(const StepGraph &graph) const;

  const EngineOptions options_;
  Device device_;
  std::unique_ptr<Machine> machine_;
  std::vector<BoundColumn> columns_;
  std::map<uint32_t, DeviceAddress> memories_;
  uint32_t last_memory_ = 0;
  // Why there is no machine.
  std::string loss_ = "the device was not opened";
  std::atomic<bool> stopping_{false};
};

}  // namespace nnc::cuda
