// NVRTC, NVIDIA's compiler as a library, bound when it is needed.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "driver.h"

namespace nnc::cuda {

class Nvrtc {
 public:
  // Loads the library, or the first found of where CUDA puts it if it is empty; `folders` are looked
  // through as well. Throws CudaError if there is none that can be used.
  static std::unique_ptr<const Nvrtc> Load(const std::string &library,
                                           const std::vector<std::string> &folders);

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
