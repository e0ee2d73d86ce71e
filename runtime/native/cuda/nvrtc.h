// NVRTC, NVIDIA's compiler as a library, bound when it is needed.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "driver.h"

namespace nnc::cuda {

struct NvrtcChoice {
  // Path of the library; empty to search for it.
  std::string library;
  // Where CUDA may be, besides where the loader looks.
  std::vector<std::string> folders;
  // The newest CUDA that the driver supports, 12040 is 12.4: it takes no newer code.
  int driver_version = 0;
};

class Nvrtc {
 public:
  // Throws CudaError if there is none, or none whose code the driver takes.
  static std::unique_ptr<const Nvrtc> Load(const NvrtcChoice &choice);

  // 12040 is 12.4.
  int version() const { return version_; }

  // What code for a device of this compute capability is compiled for: `sm_90`, which gives machine
  // code; or for one that is newer than the library the newest that it knows, `compute_90`, which
  // gives PTX. `specific` asks for `sm_90a`, code for this generation alone.
  std::string ArchitectureFor(int capability, bool specific) const;

  // Throws CudaError with what the compiler says if it refuses the source.
  std::vector<char> Compile(const std::string &source, const std::string &architecture) const;

 private:
  Nvrtc() = default;

  using Program = struct ProgramTag *;
  struct Functions;
  std::shared_ptr<const Functions> functions_;
  int version_ = 0;
};

}  // namespace nnc::cuda
