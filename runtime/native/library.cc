#include "library.h"

#include <dlfcn.h>

#include <stdexcept>

namespace nnc {
namespace {

std::string LoaderError() {
  const char *message = dlerror();
  return message == nullptr ? "unknown error of the loader" : message;
}

void CheckAbi(void *handle, const std::string &path) {
  using AbiFunction = int32_t (*)();
  const auto abi = reinterpret_cast<AbiFunction>(dlsym(handle, "nnc_abi"));
  if (abi == nullptr) throw std::runtime_error(path + " is no kernel library: it lacks nnc_abi");
  const int32_t version = abi();
  if (version != NNC_ABI) {
    throw std::runtime_error(path + " was built for version " + std::to_string(version) +
                             " of the runtime, this is version " + std::to_string(NNC_ABI));
  }
}

}  // namespace

SharedObject::SharedObject(const std::string &path)
    : handle_(dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL)) {
  if (handle_ == nullptr) throw std::runtime_error(LoaderError());
  try {
    CheckAbi(handle_, path);
  } catch (...) {
    dlclose(handle_);
    throw;
  }
}

SharedObject::~SharedObject() { dlclose(handle_); }

StepFunction SharedObject::Find(const std::string &symbol) const {
  return reinterpret_cast<StepFunction>(dlsym(handle_, symbol.c_str()));
}

Napi::Function Library::Define(Napi::Env env) {
  return DefineClass(env, "Library", {InstanceMethod<&Library::Has>("has")});
}

Library::Library(const Napi::CallbackInfo &info) : Napi::ObjectWrap<Library>(info) {
  try {
    object_ = std::make_shared<SharedObject>(info[0].As<Napi::String>().Utf8Value());
  } catch (const std::runtime_error &error) {
    throw Napi::Error::New(info.Env(), error.what());
  }
}

Napi::Value Library::Has(const Napi::CallbackInfo &info) {
  const std::string symbol = info[0].As<Napi::String>().Utf8Value();
  return Napi::Boolean::New(info.Env(), object_->Find(symbol) != nullptr);
}

}  // namespace nnc
