// Registration of the addon: what JavaScript sees. The types of all this are written by hand in
// runtime/devices/cpu/native-addon.ts, those of CUDA in runtime/devices/cuda/native-cuda.ts, and
// arguments are validated there.

#include <napi.h>

#include "allocations.h"
#include "cpu_features.h"
#include "cuda/functions.h"
#include "library.h"
#include "session.h"

namespace nnc {
namespace {

Napi::Value CpuFeaturesForJs(const Napi::CallbackInfo &info) {
  const std::vector<const char *> features = CpuFeatures();
  Napi::Array names = Napi::Array::New(info.Env(), features.size());
  for (uint32_t i = 0; i < features.size(); ++i) names.Set(i, features[i]);
  return names;
}

Napi::Value AllocationsForJs(const Napi::CallbackInfo &info) {
  return Napi::Number::New(info.Env(), static_cast<double>(Allocations()));
}

Napi::Object Initialize(Napi::Env env, Napi::Object exports) {
  exports.Set("Library", Library::Define(env));
  exports.Set("Session", Session::Define(env));
  exports.Set("cpuFeatures", Napi::Function::New(env, CpuFeaturesForJs));
  exports.Set("allocations", Napi::Function::New(env, AllocationsForJs));
  cuda::DefineFunctions(env, exports);
  return exports;
}

}  // namespace
}  // namespace nnc

static Napi::Object InitializeAddon(Napi::Env env, Napi::Object exports) {
  return nnc::Initialize(env, exports);
}

NODE_API_MODULE(nnc, InitializeAddon)
