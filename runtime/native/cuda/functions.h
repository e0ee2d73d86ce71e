// What JavaScript sees of CUDA, see runtime/devices/cuda/native-cuda.ts.
#pragma once

#include <napi.h>

namespace nnc::cuda {

void DefineFunctions(Napi::Env env, Napi::Object exports);

}  // namespace nnc::cuda
