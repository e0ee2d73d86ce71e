// The functions of an image, ready to be launched on a device.
#pragma once

#include <string>
#include <vector>

#include "device.h"
#include "handles.h"
#include "program.h"

namespace nnc::cuda {

// What the arguments of launches refer to in one kind of step.
struct Bindings {
  DeviceAddress arenas[3];
  // Of the graph's columns, in their order.
  const DeviceAddress *columns;
  DeviceAddress step;
  int n;
};

class Kernels {
 public:
  // In the current context. Throws CudaError if the image is for other devices or a newer driver,
  // or the device has not what a kernel needs.
  Kernels(const Device &device, const Program &program, const std::vector<char> &image);

  // Throws CudaError with the kernel's label.
  void LaunchOn(Stream stream, const Launch &launch, const Bindings &bindings) const;

  // Moves the record that `*next` points to, of so many words, to `step`, and `*next` on behind it.
  void LaunchNextStep(Stream stream, DeviceAddress step, DeviceAddress next, int words) const;

 private:
  struct Ready {
    Function function;
    // Of a persistent kernel, all that the device runs at once.
    unsigned maximal_blocks;
  };

  Ready Prepare(const Kernel &kernel) const;
  Result LaunchPacked(Stream stream, Function function, unsigned blocks, unsigned threads,
                      unsigned shared_bytes, const unsigned char *arguments, size_t bytes) const;

  const Device &device_;
  const Program &program_;
  OwnedModule module_;
  std::vector<Ready> kernels_;
  Function next_step_ = nullptr;
};

}  // namespace nnc::cuda
