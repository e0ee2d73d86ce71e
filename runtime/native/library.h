// A generated kernel library, loaded.
#pragma once

#include <napi.h>

#include <memory>
#include <string>

#include "nnc_step.h"

namespace nnc {

using StepFunction = void (*)(const nnc_step *);

// The shared object; unloaded when neither a Library nor a Session refers to it.
class SharedObject {
 public:
  // Throws std::runtime_error with the loader's message, or one about nnc_abi.
  explicit SharedObject(const std::string &path);
  ~SharedObject();
  SharedObject(const SharedObject &) = delete;
  SharedObject &operator=(const SharedObject &) = delete;

  // Null if there is no such symbol.
  StepFunction Find(const std::string &symbol) const;

 private:
  void *handle_;
};

// JavaScript: `new Library(path)`, `has(symbol)`.
class Library : public Napi::ObjectWrap<Library> {
 public:
  static Napi::Function Define(Napi::Env env);
  explicit Library(const Napi::CallbackInfo &info);

  std::shared_ptr<SharedObject> object() const { return object_; }

 private:
  Napi::Value Has(const Napi::CallbackInfo &info);

  std::shared_ptr<SharedObject> object_;
};

}  // namespace nnc
