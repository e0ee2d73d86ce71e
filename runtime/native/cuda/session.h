// A model on a device, for JavaScript: everything is done on a thread of its own, one thing after
// the other, so that JavaScript's never waits for the device.
#pragma once

#include <napi.h>

#include <functional>
#include <list>
#include <memory>
#include <set>
#include <vector>

#include "../task_thread.h"
#include "engine.h"

namespace nnc::cuda {

// JavaScript: `new CudaSession(options)`, see native-cuda.ts.
class Session : public Napi::ObjectWrap<Session> {
 public:
  // Once for an environment.
  static Napi::Function Define(Napi::Env env);
  explicit Session(const Napi::CallbackInfo &info);
  ~Session() override;

 private:
  // A call that has not been answered. What it points to is held until it is.
  struct Call {
    explicit Call(Napi::Env env) : promise(Napi::Promise::Deferred::New(env)) {}
    // On the session's thread.
    std::function<void()> work;
    // On JavaScript's, if that went well: what the promise is resolved with, or undefined.
    std::function<Napi::Value(Napi::Env)> result;
    Napi::Promise::Deferred promise;
    std::vector<Napi::ObjectReference> held;
    // Set by the session's thread before it tells JavaScript's.
    std::exception_ptr error;
    std::atomic<bool> is_done{false};
  };

  // Sessions of the environment whose threads run.
  using Living = std::shared_ptr<std::set<Session *>>;

  static void EndWithProcess(Napi::Env env);

  Napi::Value Open(const Napi::CallbackInfo &info);
  Napi::Value Allocate(const Napi::CallbackInfo &info);
  Napi::Value Free(const Napi::CallbackInfo &info);
  Napi::Value UploadColumn(const Napi::CallbackInfo &info);
  Napi::Value BindColumn(const Napi::CallbackInfo &info);
  Napi::Value Write(const Napi::CallbackInfo &info);
  Napi::Value Read(const Napi::CallbackInfo &info);
  Napi::Value Run(const Napi::CallbackInfo &info);
  Napi::Value TimeLaunch(const Napi::CallbackInfo &info);
  void Dispose(const Napi::CallbackInfo &info);

  // Throws if the session was disposed of.
  Call &NewCall();
  Napi::Value Start(Call &call);
  void StartThread();
  // Waits for the work in progress; a run ends early. No thread and no callback is left afterwards.
  // Safe to call again.
  void StopThread();
  void Answer(Call *call);

  static void OnDone(napi_env env, napi_value, void *session, void *call);
  static void OnEnvironmentExit(void *session);

  const Living living_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<TaskThread> thread_;
  napi_threadsafe_function notify_ = nullptr;
  std::list<std::unique_ptr<Call>> calls_;
  // What is bound to each slot.
  std::vector<Napi::ObjectReference> columns_;
};

}  // namespace nnc::cuda
