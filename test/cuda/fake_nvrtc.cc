// A stand-in for NVRTC, which compiles at run time: the same as nvcc's.

#include <cstring>
#include <string>

#include "compile_image.h"

namespace {

enum Result { kSuccess = 0, kInvalidInput = 3, kInvalidProgram = 4, kCompilation = 6 };

struct Program {
  std::string source;
  std::string name;
  nnc_emulation::CompileResult result;
};

// Texts are given with the zero at their end.
void CopyText(const std::string &text, char *to) { std::memcpy(to, text.c_str(), text.size() + 1); }

}  // namespace

#define NVRTC extern "C" __attribute__((visibility("default")))

NVRTC int nvrtcVersion(int *major, int *minor) {
  *major = 13;
  *minor = 0;
  return kSuccess;
}

NVRTC int nvrtcGetNumSupportedArchs(int *count) {
  *count = 3;
  return kSuccess;
}

NVRTC int nvrtcGetSupportedArchs(int *architectures) {
  constexpr int kArchitectures[] = {80, 90, 100};
  std::memcpy(architectures, kArchitectures, sizeof kArchitectures);
  return kSuccess;
}

NVRTC const char *nvrtcGetErrorString(int result) {
  switch (result) {
    case kSuccess:
      return "NVRTC_SUCCESS";
    case kInvalidInput:
      return "NVRTC_ERROR_INVALID_INPUT";
    case kInvalidProgram:
      return "NVRTC_ERROR_INVALID_PROGRAM";
    case kCompilation:
      return "NVRTC_ERROR_COMPILATION";
    default:
      return "NVRTC_ERROR unknown";
  }
}

NVRTC int nvrtcCreateProgram(Program **program, const char *source, const char *name, int headers,
                             const char *const *, const char *const *) {
  if (source == nullptr || headers != 0) return kInvalidInput;
  *program = new Program{source, name == nullptr ? "default_program" : name, {}};
  return kSuccess;
}

NVRTC int nvrtcDestroyProgram(Program **program) {
  delete *program;
  *program = nullptr;
  return kSuccess;
}

NVRTC int nvrtcCompileProgram(Program *program, int, const char *const *) {
  if (program == nullptr) return kInvalidProgram;
  program->result = nnc_emulation::CompileImage(program->source, program->name);
  return program->result.succeeded ? kSuccess : kCompilation;
}

NVRTC int nvrtcGetProgramLogSize(Program *program, size_t *bytes) {
  *bytes = program->result.log.size() + 1;
  return kSuccess;
}

NVRTC int nvrtcGetProgramLog(Program *program, char *log) {
  CopyText(program->result.log, log);
  return kSuccess;
}

NVRTC int nvrtcGetPTXSize(Program *program, size_t *bytes) {
  *bytes = program->result.image.size() + 1;
  return kSuccess;
}

NVRTC int nvrtcGetPTX(Program *program, char *image) {
  CopyText(program->result.image, image);
  return kSuccess;
}

NVRTC int nvrtcGetCUBINSize(Program *program, size_t *bytes) {
  *bytes = program->result.image.size();
  return kSuccess;
}

NVRTC int nvrtcGetCUBIN(Program *program, char *image) {
  std::memcpy(image, program->result.image.data(), program->result.image.size());
  return kSuccess;
}
