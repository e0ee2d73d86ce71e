#include "driver.h"

#include <dlfcn.h>

#include <vector>

namespace nnc::cuda {
namespace {

// What the newest function that is needed, and devices from 8.0 on, take.
constexpr const char *kNeededVersion = "11.4";

std::string LoaderError() {
  const char *message = dlerror();
  return message == nullptr ? "unknown error of the loader" : message;
}

void *OpenLibrary(const std::string &wanted, std::string *path) {
  if (!wanted.empty()) {
    *path = wanted;
    void *const handle = dlopen(wanted.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle != nullptr) return handle;
    throw CudaError("the CUDA driver named in NNC_LIBCUDA cannot be loaded: " + LoaderError());
  }
  std::string first_error;
  for (const char *name : {"libcuda.so.1", "libcuda.so", "/usr/lib/wsl/lib/libcuda.so.1"}) {
    void *const handle = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    *path = name;
    if (handle != nullptr) return handle;
    if (first_error.empty()) first_error = LoaderError();
  }
  throw CudaError("there is no NVIDIA driver here (" + first_error +
                  "): install the driver of the graphics processor, or name its libcuda.so.1 in "
                  "NNC_LIBCUDA");
}

}  // namespace

std::shared_ptr<const Driver> Driver::Load(const std::string &library) {
  std::string path;
  void *const handle = OpenLibrary(library, &path);
  const std::shared_ptr<Driver> driver(new Driver);
  const char *missing = nullptr;
#define NNC_CUDA_BIND(name, parameters)                                      \
  driver->name = reinterpret_cast<Result(*) parameters>(dlsym(handle, #name)); \
  if (driver->name == nullptr && missing == nullptr) missing = #name;
  NNC_CUDA_FUNCTIONS(NNC_CUDA_BIND)
#undef NNC_CUDA_BIND
  if (driver->cuDriverGetVersion != nullptr) driver->cuDriverGetVersion(&driver->version_);
  if (missing != nullptr) {
    const std::string supported =
        driver->version_ == 0 ? "" : " supports CUDA " + VersionName(driver->version_) + " and";
    throw CudaError("the NVIDIA driver (" + path + ")" + supported + " lacks " + missing +
                    ": install one that supports CUDA " + kNeededVersion + " or newer");
  }
  driver->cuTensorMapEncodeTiled = reinterpret_cast<decltype(driver->cuTensorMapEncodeTiled)>(
      dlsym(handle, "cuTensorMapEncodeTiled"));
  return driver;
}

std::string Driver::Describe(Result result) const {
  const char *name = nullptr;
  const char *text = nullptr;
  cuGetErrorName(result, &name);
  cuGetErrorString(result, &text);
  std::string description = name == nullptr ? "error " + std::to_string(result) : name;
  if (text != nullptr) description += std::string(", ") + text;
  return description;
}

void Driver::Throw(Result result, const std::string &what) const {
  throw CudaError(what + ": " + Describe(result), result);
}

std::string VersionName(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

}  // namespace nnc::cuda
