#include "session.h"

#include <new>
#include <string>
#include <system_error>
#include <utility>

namespace nnc {
namespace {

double NumberOf(const Napi::Object &object, const char *key) {
  return object.Get(key).As<Napi::Number>().DoubleValue();
}

std::shared_ptr<Memory> Allocate(const Napi::Object &options, const char *key) {
  const double bytes = NumberOf(options, key);
  try {
    return std::make_shared<Memory>(static_cast<size_t>(bytes));
  } catch (const std::bad_alloc &) {
    const std::string size = std::to_string(static_cast<uint64_t>(bytes / (1 << 20)));
    throw Napi::Error::New(options.Env(), "no memory for " + size + " MiB (" + key + ")");
  }
}

// The memory itself where it is large enough.
std::shared_ptr<Memory> Grown(const std::shared_ptr<Memory> &memory, const Napi::Object &options,
                              const char *key) {
  const bool fits = NumberOf(options, key) <= static_cast<double>(memory->size());
  return fits ? memory : Allocate(options, key);
}

Napi::ObjectReference Hold(const Napi::Value &value) {
  return Napi::Persistent(value.As<Napi::Object>());
}

// The first element of a typed array of any kind, shared memory included, which Napi::ArrayBuffer
// is not.
const void *DataOf(const Napi::TypedArray &array) {
  void *data = nullptr;
  napi_get_typedarray_info(array.Env(), array, nullptr, nullptr, &data, nullptr, nullptr);
  return data;
}

}  // namespace

Napi::Function Session::Define(Napi::Env env) {
  return DefineClass(env, "Session",
                     {InstanceMethod<&Session::UseLibrary>("useLibrary"),
                      InstanceMethod<&Session::BindColumn>("bindColumn"),
                      InstanceMethod<&Session::Run>("run"),
                      InstanceMethod<&Session::Dispose>("dispose"),
                      InstanceAccessor<&Session::Results>("results", napi_enumerable)});
}

Session::Session(const Napi::CallbackInfo &info) : Napi::ObjectWrap<Session>(info) {
  const Napi::Object options = info[1].As<Napi::Object>();
  library_ = Library::Unwrap(info[0].As<Napi::Object>())->object();
  persistent_ = Allocate(options, "persistentBytes");
  temporaries_ = Allocate(options, "temporariesBytes");
  results_ = Allocate(options, "resultsBytes");
  persistent_view_ = Napi::Persistent(CreateView(persistent_));
  results_view_ = Napi::Persistent(CreateView(results_));
  const size_t columns = static_cast<size_t>(NumberOf(options, "columns"));
  columns_.resize(columns);
  column_references_.resize(columns);
  info.This().As<Napi::Object>().DefineProperty(
      Napi::PropertyDescriptor::Value("persistent", persistent_view_.Value(), napi_enumerable));
  StartThread(static_cast<int>(NumberOf(options, "threads")));
}

Session::~Session() { StopThread(); }

void Session::UseLibrary(const Napi::CallbackInfo &info) {
  ThrowIfUnusable();
  const Napi::Object arenas = info[1].As<Napi::Object>();
  const std::shared_ptr<Memory> temporaries = Grown(temporaries_, arenas, "temporariesBytes");
  const std::shared_ptr<Memory> results = Grown(results_, arenas, "resultsBytes");
  library_ = Library::Unwrap(info[0].As<Napi::Object>())->object();
  if (results != results_) {
    results_view_.Value().Detach();
    results_view_ = Napi::Persistent(CreateView(results));
  }
  temporaries_ = temporaries;
  results_ = results;
  thread_->UseMemory({temporaries, results});
}

Napi::Value Session::Results(const Napi::CallbackInfo &) { return results_view_.Value(); }

void Session::BindColumn(const Napi::CallbackInfo &info) {
  ThrowIfUnusable();
  const uint32_t slot = info[0].As<Napi::Number>().Uint32Value();
  if (slot >= columns_.size()) throw Napi::RangeError::New(Env(), "no such column slot");
  columns_[slot] = DataOf(info[1].As<Napi::TypedArray>());
  column_references_[slot] = Hold(info[1]);
}

Napi::Value Session::Run(const Napi::CallbackInfo &info) {
  ThrowIfUnusable();
  const Napi::Object request = info[0].As<Napi::Object>();
  const std::string symbol = request.Get("symbol").As<Napi::String>().Utf8Value();
  const Napi::TypedArray rows = request.Get("rows").As<Napi::TypedArray>();
  const Napi::TypedArray scalars = request.Get("scalars").As<Napi::TypedArray>();

  Job job{};
  job.function = library_->Find(symbol);
  if (job.function == nullptr) {
    throw Napi::Error::New(Env(), "the kernel library has no function " + symbol);
  }
  job.rows = static_cast<const int32_t *>(DataOf(rows));
  job.row_count = rows.ElementLength();
  job.batch_size = static_cast<int32_t>(NumberOf(request, "batchSize"));
  job.scalars = static_cast<const float *>(DataOf(scalars));
  job.scalars_per_step = static_cast<size_t>(NumberOf(request, "scalarsPerStep"));
  job.seed = static_cast<uint32_t>(NumberOf(request, "seed"));
  job.first_batch = static_cast<uint32_t>(NumberOf(request, "firstBatch"));
  job.columns = columns_.data();

  run_ = std::make_unique<RunInFlight>(
      RunInFlight{Napi::Promise::Deferred::New(Env()), Hold(rows), Hold(scalars)});
  const Napi::Promise promise = run_->promise.Promise();
  Ref();
  // While a run is in flight, and only then, the process stays for it.
  napi_ref_threadsafe_function(Env(), notify_);
  thread_->Start(job);
  return promise;
}

void Session::Dispose(const Napi::CallbackInfo &) {
  if (thread_ == nullptr) return;
  StopThread();
  persistent_view_.Value().Detach();
  results_view_.Value().Detach();
  // Detached views keep their owner until they are collected, which would be late for this much
  // memory.
  for (const auto &memory : {persistent_, temporaries_, results_}) memory->Release();
  columns_.clear();
  column_references_.clear();
  library_.reset();
  if (run_ != nullptr) FinishRun(false);
}

Napi::ArrayBuffer Session::CreateView(const std::shared_ptr<Memory> &memory) {
  using Owner = std::shared_ptr<Memory>;
  return Napi::ArrayBuffer::New(
      Env(), memory->data(), memory->size(),
      [](Napi::Env, void *, Owner *owner) { delete owner; }, new Owner(memory));
}

void Session::ThrowIfUnusable() const {
  if (thread_ == nullptr) throw Napi::Error::New(Env(), "the session was disposed of");
  if (run_ != nullptr) throw Napi::Error::New(Env(), "a run is in flight: await it first");
}

void Session::StartThread(int threads) {
  const napi_env env = Env();
  const Napi::String name = Napi::String::New(env, "nnc step");
  const napi_status status =
      napi_create_threadsafe_function(env, nullptr, nullptr, name, 0, 1, nullptr, nullptr, this,
                                      OnFinished, &notify_);
  if (status != napi_ok) throw Napi::Error::New(env);
  napi_unref_threadsafe_function(env, notify_);
  const auto finished = [notify = notify_](bool completed) {
    // The flag itself is the message, so that none has to be allocated.
    void *message = reinterpret_cast<void *>(uintptr_t{completed});
    napi_call_threadsafe_function(notify, message, napi_tsfn_blocking);
  };
  try {
    thread_ = std::make_unique<StepThread>(
        threads, persistent_.get(), StepThread::StepMemory{temporaries_, results_}, finished);
  } catch (const std::system_error &error) {
    napi_release_threadsafe_function(notify_, napi_tsfn_abort);
    const std::string message = error.what();
    throw Napi::Error::New(env, "cannot start " + std::to_string(threads) + " threads: " + message);
  }
  // Hooks run last in, first out: ours, which stops the thread, before the one of `notify_`.
  napi_add_env_cleanup_hook(env, OnEnvironmentExit, this);
}

void Session::StopThread() {
  if (thread_ == nullptr) return;
  thread_.reset();
  napi_remove_env_cleanup_hook(Env(), OnEnvironmentExit, this);
  napi_release_threadsafe_function(notify_, napi_tsfn_abort);
  notify_ = nullptr;
}

void Session::FinishRun(bool completed) {
  const std::unique_ptr<RunInFlight> run = std::move(run_);
  if (notify_ != nullptr) napi_unref_threadsafe_function(Env(), notify_);
  Unref();
  if (completed) {
    run->promise.Resolve(Env().Undefined());
  } else {
    run->promise.Reject(Napi::Error::New(Env(), "the session was disposed of").Value());
  }
}

void Session::OnFinished(napi_env env, napi_value, void *session, void *completed) {
  // Without an environment the process is going down and nobody waits.
  if (env == nullptr) return;
  Napi::HandleScope scope(env);
  static_cast<Session *>(session)->FinishRun(completed != nullptr);
}

void Session::OnEnvironmentExit(void *session) { static_cast<Session *>(session)->StopThread(); }

}  // namespace nnc
