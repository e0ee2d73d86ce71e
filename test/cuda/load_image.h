// Images of `compile_image.h`, loaded.

#ifndef NNC_TEST_CUDA_LOAD_IMAGE_H_
#define NNC_TEST_CUDA_LOAD_IMAGE_H_

#include <cstddef>
#include <string>

#include "emulation.h"

namespace nnc_emulation {

class Image {
 public:
  // `bytes` may be more than the image has. Null, and why in `error`, where it is none.
  static Image *Load(const void *bytes, std::string *error);
  ~Image();

  const NncKernel *Find(const std::string &name) const;

 private:
  Image(void *library, const NncKernel *kernels) : library_(library), kernels_(kernels) {}

  void *library_;
  const NncKernel *kernels_;
};

}  // namespace nnc_emulation

#endif  // NNC_TEST_CUDA_LOAD_IMAGE_H_
