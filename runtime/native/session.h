// One model in memory: its arenas, its columns of data, and the thread that runs its steps.
#pragma once

#include <napi.h>

#include <memory>
#include <vector>

#include "library.h"
#include "memory.h"
#include "step_thread.h"

namespace nnc {

// JavaScript: `new Session(library, options)`, see native-addon.ts.
//
// All methods run on JavaScript's thread. At most one run is in flight; it keeps the session, its
// library and the arrays given to it alive. The arenas live as long as the session or a view of
// them, unless dispose() detaches the views.
class Session : public Napi::ObjectWrap<Session> {
 public:
  static Napi::Function Define(Napi::Env env);
  explicit Session(const Napi::CallbackInfo &info);
  ~Session() override;

 private:
  struct RunInFlight {
    Napi::Promise::Deferred promise;
    Napi::ObjectReference rows;
    Napi::ObjectReference scalars;
  };

  void UseLibrary(const Napi::CallbackInfo &info);
  void BindColumn(const Napi::CallbackInfo &info);
  Napi::Value Run(const Napi::CallbackInfo &info);
  void Dispose(const Napi::CallbackInfo &info);

  Napi::Value Results(const Napi::CallbackInfo &info);
  Napi::ArrayBuffer CreateView(const std::shared_ptr<Memory> &memory);
  void ThrowIfUnusable() const;
  void StartThread(int threads);
  // Waits for the step in progress. No thread and no callback is left afterwards. Safe to call
  // again.
  void StopThread();
  void FinishRun(bool completed);

  static void OnFinished(napi_env env, napi_value, void *session, void *completed);
  static void OnEnvironmentExit(void *session);

  std::shared_ptr<SharedObject> library_;
  std::shared_ptr<Memory> persistent_;
  std::shared_ptr<Memory> temporaries_;
  std::shared_ptr<Memory> results_;
  Napi::Reference<Napi::ArrayBuffer> persistent_view_;
  Napi::Reference<Napi::ArrayBuffer> results_view_;

  std::vector<const void *> columns_;
  std::vector<Napi::ObjectReference> column_references_;

  std::unique_ptr<StepThread> thread_;
  napi_threadsafe_function notify_ = nullptr;
  std::unique_ptr<RunInFlight> run_;
};

}  // namespace nnc
