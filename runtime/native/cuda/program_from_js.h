// The options of a session as JavaScript gives them, see `NativeCudaOptions` in native-cuda.ts.
#pragma once

#include <napi.h>

#include "engine.h"

namespace nnc::cuda {

DeviceChoice DeviceChoiceFrom(const Napi::Object &options);
EngineOptions EngineOptionsFrom(const Napi::Object &options);
Arena ArenaFrom(const Napi::Value &name);

}  // namespace nnc::cuda
