#include "nvrtc.h"

#include <dlfcn.h>

#include <algorithm>

namespace nnc::cuda {

// Functions as the library exports them; see https://docs.nvidia.com/cuda/nvrtc/. The newest are of
// CUDA 11.2.
#define NNC_NVRTC_FUNCTIONS(X)                                                              \
  X(int, nvrtcVersion, (int *major, int *minor))                                            \
  X(const char *, nvrtcGetErrorString, (int result))                                        \
  X(int, nvrtcGetNumSupportedArchs, (int *count))                                           \
  X(int, nvrtcGetSupportedArchs, (int *architectures))                                      \
  X(int, nvrtcCreateProgram,                                                                \
    (Program * program, const char *source, const char *name, int headers,                  \
     const char *const *texts, const char *const *names))                                   \
  X(int, nvrtcCompileProgram, (Program program, int count, const char *const *options))     \
  X(int, nvrtcGetProgramLogSize, (Program program, size_t *bytes))                          \
  X(int, nvrtcGetProgramLog, (Program program, char *log))                                  \
  X(int, nvrtcGetCUBINSize, (Program program, size_t *bytes))                               \
  X(int, nvrtcGetCUBIN, (Program program, char *code))                                      \
  X(int, nvrtcGetPTXSize, (Program program, size_t *bytes))                                 \
  X(int, nvrtcGetPTX, (Program program, char *code))                                        \
  X(int, nvrtcDestroyProgram, (Program * program))

struct Nvrtc::Functions {
#define NNC_NVRTC_DECLARE(type, name, parameters) type(*name) parameters = nullptr;
  NNC_NVRTC_FUNCTIONS(NNC_NVRTC_DECLARE)
#undef NNC_NVRTC_DECLARE
};

namespace {

// As nvcc is called; see compiler/targets/cuda/toolchain.ts.
constexpr const char *kOptions[] = {"--std=c++17", "--fmad=false"};

// Of the oldest NVRTC that is looked for.
constexpr int kOldestMajor = 11;

std::string LoaderError() {
  const char *message = dlerror();
  return message == nullptr ? "unknown error of the loader" : message;
}

// Names of the libraries whose code a driver takes, the newest first: code of any 12.x runs on a
// driver of any other, or a newer one.
std::vector<std::string> CandidatesFor(const NvrtcChoice &choice) {
  std::vector<std::string> files;
  for (int major = choice.driver_version / 1000; major >= kOldestMajor; --major) {
    files.push_back("libnvrtc.so." + std::to_string(major));
  }
  files.push_back("libnvrtc.so");
  std::vector<std::string> names = files;
  for (const std::string &folder : choice.folders) {
    for (const char *part : {"/lib64/", "/lib/"}) {
      for (const std::string &file : files) names.push_back(folder + part + file);
    }
  }
  return names;
}

void *OpenLibrary(const NvrtcChoice &choice, std::string *path) {
  if (!choice.library.empty()) {
    *path = choice.library;
    void *const handle = dlopen(choice.library.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle != nullptr) return handle;
    throw CudaError("the library named in NNC_LIBNVRTC cannot be loaded: " + LoaderError());
  }
  std::string first_error;
  for (const std::string &name : CandidatesFor(choice)) {
    void *const handle = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
    *path = name;
    if (handle != nullptr) return handle;
    if (first_error.empty()) first_error = LoaderError();
  }
  throw CudaError("NVRTC, which would compile the kernels here, was not found (" + first_error +
                  "): install CUDA " + std::to_string(choice.driver_version / 1000) +
                  ", name its libnvrtc.so in NNC_LIBNVRTC, or build the trainer where there is nvcc");
}

}  // namespace

std::unique_ptr<const Nvrtc> Nvrtc::Load(const NvrtcChoice &choice) {
  std::string path;
  void *const handle = OpenLibrary(choice, &path);
  const auto functions = std::make_shared<Functions>();
#define NNC_NVRTC_BIND(type, name, parameters)                                  \
  functions->name = reinterpret_cast<type(*) parameters>(dlsym(handle, #name)); \
  if (functions->name == nullptr) {                                             \
    throw CudaError(path + " lacks " #name ": install CUDA 12.0 or newer");     \
  }
  NNC_NVRTC_FUNCTIONS(NNC_NVRTC_BIND)
#undef NNC_NVRTC_BIND
  std::unique_ptr<Nvrtc> nvrtc(new Nvrtc);
  nvrtc->functions_ = functions;
  int major = 0;
  int minor = 0;
  functions->nvrtcVersion(&major, &minor);
  nvrtc->version_ = 1000 * major + 10 * minor;
  if (major > choice.driver_version / 1000) {
    throw CudaError("NVRTC (" + path + ") is of CUDA " + VersionName(nvrtc->version_) +
                    ", and the driver takes code of CUDA " + VersionName(choice.driver_version) +
                    ": update the driver, or install CUDA " +
                    std::to_string(choice.driver_version / 1000));
  }
  return nvrtc;
}

std::string Nvrtc::ArchitectureFor(int capability, bool specific) const {
  int count = 0;
  functions_->nvrtcGetNumSupportedArchs(&count);
  std::vector<int> known(static_cast<size_t>(std::max(count, 0)));
  if (!known.empty()) functions_->nvrtcGetSupportedArchs(known.data());
  const std::string name = std::to_string(capability);
  if (std::find(known.begin(), known.end(), capability) != known.end()) {
    return specific ? "sm_" + name + "a" : "sm_" + name;
  }
  int newest = 0;
  for (const int architecture : known) {
    if (architecture < capability) newest = std::max(newest, architecture);
  }
  if (specific || newest == 0) {
    throw CudaError("NVRTC of CUDA " + VersionName(version_) +
                    " does not compile for compute capability " + std::to_string(capability / 10) +
                    "." + std::to_string(capability % 10) + ": install a newer CUDA");
  }
  return "compute_" + std::to_string(newest);
}

std::vector<char> Nvrtc::Compile(const std::string &source,
                                 const std::string &architecture) const {
  const Functions &nvrtc = *functions_;
  Program program = nullptr;
  int result = nvrtc.nvrtcCreateProgram(&program, source.c_str(), "kernels.cu", 0, nullptr, nullptr);
  if (result != 0) {
    throw CudaError(std::string("NVRTC does not start: ") + nvrtc.nvrtcGetErrorString(result));
  }
  const auto destroy = [&nvrtc](Program owned) { nvrtc.nvrtcDestroyProgram(&owned); };
  const std::unique_ptr<ProgramTag, decltype(destroy)> owned(program, destroy);
  const std::string target = "--gpu-architecture=" + architecture;
  std::vector<const char *> options(std::begin(kOptions), std::end(kOptions));
  options.push_back(target.c_str());
  result = nvrtc.nvrtcCompileProgram(program, static_cast<int>(options.size()), options.data());
  if (result != 0) {
    size_t bytes = 0;
    nvrtc.nvrtcGetProgramLogSize(program, &bytes);
    std::string log(bytes, '\0');
    if (bytes > 0) nvrtc.nvrtcGetProgramLog(program, log.data());
    throw CudaError("NVRTC of CUDA " + VersionName(version_) + " refuses the kernels (" +
                    nvrtc.nvrtcGetErrorString(result) + "):\n" + log.c_str());
  }
  const bool is_ptx = architecture.compare(0, 3, "sm_") != 0;
  size_t bytes = 0;
  result = is_ptx ? nvrtc.nvrtcGetPTXSize(program, &bytes)
                  : nvrtc.nvrtcGetCUBINSize(program, &bytes);
  std::vector<char> code(bytes);
  if (result == 0) {
    result = is_ptx ? nvrtc.nvrtcGetPTX(program, code.data())
                    : nvrtc.nvrtcGetCUBIN(program, code.data());
  }
  if (result != 0) {
    throw CudaError(std::string("NVRTC gives no code: ") + nvrtc.nvrtcGetErrorString(result));
  }
  return code;
}

}  // namespace nnc::cuda
