#include "kernels.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <string_view>

#include "tensor_map.h"

namespace nnc::cuda {
namespace {

// What kernels may have without asking for more.
constexpr unsigned kSharedBytes = 48 * 1024;
constexpr unsigned kNextStepThreads = 32;
// Of CUDA until 12.0.
constexpr size_t kMaximalArgumentBytes = 4096;

// The values of `cuLaunchKernel`'s last parameter.
void *const kArgumentBuffer = reinterpret_cast<void *>(1);
void *const kArgumentBytes = reinterpret_cast<void *>(2);

// Arguments one after the other, each at a multiple of its alignment, as kernels have them.
class ArgumentBuffer {
 public:
  void *Append(size_t bytes, size_t alignment) {
    const size_t start = (size_ + alignment - 1) / alignment * alignment;
    if (start + bytes > kMaximalArgumentBytes) throw CudaError("a kernel has too many arguments");
    size_ = start + bytes;
    arguments_.push_back(bytes_ + start);
    return bytes_ + start;
  }
  template <typename Value>
  void Append(Value value) {
    std::memcpy(Append(sizeof value, sizeof value), &value, sizeof value);
  }
  const unsigned char *data() const { return bytes_; }
  size_t size() const { return size_; }
  // Where each of them is.
  void **arguments() { return arguments_.data(); }

 private:
  alignas(kTensorMapAlignment) unsigned char bytes_[kMaximalArgumentBytes];
  size_t size_ = 0;
  std::vector<void *> arguments_;
};

// The CUDA whose compiler made the image, as it notes there: 13000 is 13.0; 0 if it does not say.
int CompilerVersionOf(const std::vector<char> &image) {
  constexpr std::string_view kNote = "Cuda compilation tools, release ";
  const auto note = std::search(image.begin(), image.end(), kNote.begin(), kNote.end());
  if (note == image.end()) return 0;
  // Images end with a zero, beyond what they are given as.
  const char *const release = &*note + kNote.size();
  int major = 0;
  int minor = 0;
  if (std::sscanf(release, "%2d.%2d", &major, &minor) != 2) return 0;
  return 1000 * major + 10 * minor;
}

OwnedModule LoadModule(const Device &device, const std::vector<char> &image) {
  const Driver &driver = *device.driver;
  char log[4096] = {};
  int keys[] = {kJitErrorLog, kJitErrorLogBytes};
  void *values[] = {log, reinterpret_cast<void *>(sizeof log - 1)};
  Module module = nullptr;
  const Result result = driver.cuModuleLoadDataEx(&module, image.data(), 2, keys, values);
  if (result == 0) return {&driver, module};
  const std::string said = log[0] == '\0' ? "" : std::string("\n") + log;
  const std::string why = driver.Describe(result);
  const int compiler = CompilerVersionOf(image);
  if (compiler > driver.version()) {
    const std::string wanted = VersionName(compiler);
    const std::string supported = VersionName(driver.version());
    throw CudaError("the kernels were compiled by CUDA " + wanted +
                        ", and the NVIDIA driver supports CUDA " + supported + " (" + why +
                        "): install a driver that supports CUDA " + wanted +
                        ", or rebuild with the nvcc of CUDA " + supported + said,
                    result);
  }
  if (result == kNoBinaryForDevice) {
    throw CudaError("the kernels are for other devices than " + device.name + " (" + why +
                        "): rebuild with `nnc build`" + said,
                    result);
  }
  throw CudaError("the kernels cannot be loaded (" + why + "): rebuild with `nnc build`" + said,
                  result);
}

}  // namespace

Kernels::Kernels(const Device &device, const Program &program, const std::vector<char> &image)
    : device_(device), program_(program), module_(LoadModule(device, image)) {
  const Driver &driver = *device.driver;
  driver.Check(driver.cuModuleGetFunction(&next_step_, module_.get(), "nnc_next_step"),
               "the image has no kernel nnc_next_step; rebuild with `nnc build`");
  kernels_.reserve(program.kernels.size());
  for (const Kernel &kernel : program.kernels) kernels_.push_back(Prepare(kernel));
}

Kernels::Ready Kernels::Prepare(const Kernel &kernel) const {
  const Driver &driver = *device_.driver;
  Ready ready{nullptr, ~0u};
  const auto check = [&](Result result, const char *what) {
    if (result != 0) driver.Throw(result, "kernel " + kernel.label + " " + what);
  };
  check(driver.cuModuleGetFunction(&ready.function, module_.get(), kernel.name.c_str()),
        "is not in the image; rebuild with `nnc build`");
  // It also loads what drivers would load later on, in the middle of a capture.
  int threads = 0;
  check(driver.cuFuncGetAttribute(&threads, kFunctionMaximalThreads, ready.function),
        "cannot be loaded");
  if (kernel.threads > static_cast<unsigned>(threads)) {
    throw CudaError("kernel " + kernel.label + " has blocks of " + std::to_string(kernel.threads) +
                    " threads, of which " + device_.name + " runs " + std::to_string(threads));
  }
  if (kernel.shared_bytes > kSharedBytes) {
    if (kernel.shared_bytes > static_cast<unsigned>(device_.shared_bytes)) {
      throw CudaError("kernel " + kernel.label + " needs " + std::to_string(kernel.shared_bytes) +
                      " bytes of shared memory, of which " + device_.name + " has " +
                      std::to_string(device_.shared_bytes));
    }
    check(driver.cuFuncSetAttribute(ready.function, kFunctionDynamicSharedBytes,
                                    static_cast<int>(kernel.shared_bytes)),
          "is not given its shared memory");
  }
  if (kernel.is_persistent) {
    int blocks = 0;
    check(driver.cuOccupancyMaxActiveBlocksPerMultiprocessor(
              &blocks, ready.function, static_cast<int>(kernel.threads), kernel.shared_bytes),
          "cannot be placed");
    ready.maximal_blocks = static_cast<unsigned>(std::max(1, blocks) * device_.multiprocessors);
  }
  return ready;
}

void Kernels::LaunchOn(Stream stream, const Launch &launch, const Bindings &bindings) const {
  ArgumentBuffer buffer;
  const Kernel &kernel = program_.kernels[launch.kernel];
  for (const Argument &argument : launch.arguments) {
    const DeviceAddress place =
        bindings.arenas[static_cast<size_t>(argument.arena)] + argument.offset;
    switch (argument.kind) {
      case Argument::Kind::kArena: buffer.Append(place); break;
      case Argument::Kind::kColumn: buffer.Append(bindings.columns[argument.column]); break;
      case Argument::Kind::kStep: buffer.Append(bindings.step); break;
      case Argument::Kind::kN: buffer.Append(static_cast<int32_t>(bindings.n)); break;
      case Argument::Kind::kInt: buffer.Append(argument.value); break;
      case Argument::Kind::kTensorMap:
        EncodeTensorMap(device_, argument.map, place, bindings.n, kernel.label,
                        buffer.Append(kTensorMapBytes, kTensorMapAlignment));
        break;
    }
  }
  const Ready &ready = kernels_[launch.kernel];
  const unsigned blocks = std::min(launch.blocks, ready.maximal_blocks);
  // Graphs take cooperative launches since CUDA 11.1.
  const Result result =
      kernel.is_cooperative
          ? device_.driver->cuLaunchCooperativeKernel(ready.function, blocks, 1, 1, kernel.threads,
                                                      1, 1, kernel.shared_bytes, stream,
                                                      buffer.arguments())
          : LaunchPacked(stream, ready.function, blocks, kernel.threads, kernel.shared_bytes,
                         buffer.data(), buffer.size());
  if (result != 0) {
    device_.driver->Throw(result, "kernel " + kernel.label + " cannot be launched in " +
                                      std::to_string(blocks) + " blocks");
  }
}

void Kernels::LaunchNextStep(Stream stream, DeviceAddress step, DeviceAddress next,
                             int words) const {
  ArgumentBuffer buffer;
  buffer.Append(step);
  buffer.Append(next);
  buffer.Append(static_cast<int32_t>(words));
  device_.driver->Check(LaunchPacked(stream, next_step_, 1, kNextStepThreads, 0, buffer.data(),
                                     buffer.size()),
                        "kernel nnc_next_step cannot be launched");
}

Result Kernels::LaunchPacked(Stream stream, Function function, unsigned blocks, unsigned threads,
                             unsigned shared_bytes, const unsigned char *arguments,
                             size_t bytes) const {
  void *extra[] = {kArgumentBuffer, const_cast<unsigned char *>(arguments), kArgumentBytes, &bytes,
                   nullptr};
  return device_.driver->cuLaunchKernel(function, blocks, 1, 1, threads, 1, 1, shared_bytes,
                                        stream, nullptr, extra);
}

}  // namespace nnc::cuda
