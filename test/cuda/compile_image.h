// Compiles CUDA C++ with g++ into an image that `fake_driver.cc` and `run_kernels.cc` load: a shared object.

#ifndef NNC_TEST_CUDA_COMPILE_IMAGE_H_
#define NNC_TEST_CUDA_COMPILE_IMAGE_H_

#include <string>
#include <vector>

namespace nnc_emulation {

struct CompileResult {
  bool succeeded;
  // What the compiler said.
  std::string log;
  // `EMU:`, then a shared object.
  std::string image;
};

constexpr char kImagePrefix[] = "EMU:";

// The environment variable NNC_EMULATION_FLAGS adds options for g++, separated by spaces.
CompileResult CompileImage(const std::string &source, const std::string &name);

// What is given to g++: the source, with kernels' shared memory told apart and a table of the kernels after it.
std::string ImageSource(const std::string &source, const std::string &name);

}  // namespace nnc_emulation

#endif  // NNC_TEST_CUDA_COMPILE_IMAGE_H_
