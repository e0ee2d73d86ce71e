#include "session.h"

#include <system_error>
#include <utility>

#include "program_from_js.h"

namespace nnc::cuda {
namespace {

constexpr const char *kDisposed = "the device was disposed of";

struct View {
  void *data = nullptr;
  size_t bytes = 0;
};

// A typed array of any kind, shared memory included, which Napi::ArrayBuffer is not.
View ViewOf(const Napi::Value &value) {
  const Napi::TypedArray array = value.As<Napi::TypedArray>();
  View view;
  napi_get_typedarray_info(array.Env(), array, nullptr, nullptr, &view.data, nullptr, nullptr);
  view.bytes = array.ByteLength();
  return view;
}

Napi::ObjectReference Hold(const Napi::Value &value) {
  return Napi::Persistent(value.As<Napi::Object>());
}

uint64_t NumberOf(const Napi::Value &value) {
  return static_cast<uint64_t>(value.As<Napi::Number>().DoubleValue());
}

uint64_t NumberOf(const Napi::Object &object, const char *key) {
  return NumberOf(object.Get(key));
}

// What it points to are arrays of the request.
Job JobFrom(const Napi::Object &request) {
  const View rows = ViewOf(request.Get("rows"));
  Job job;
  job.graph = NumberOf(request, "graph");
  job.rows = static_cast<const int32_t *>(rows.data);
  job.row_count = rows.bytes / sizeof(int32_t);
  job.batch_size = NumberOf(request, "batchSize");
  job.scalars = static_cast<const float *>(ViewOf(request.Get("scalars")).data);
  job.seed = static_cast<uint32_t>(NumberOf(request, "seed"));
  job.first_batch = static_cast<uint32_t>(NumberOf(request, "firstBatch"));
  return job;
}

// Errors of a lost device are told apart by their code.
Napi::Value ErrorFor(Napi::Env env, const std::exception_ptr &exception) {
  try {
    std::rethrow_exception(exception);
  } catch (const LostError &lost) {
    const Napi::Error error = Napi::Error::New(env, lost.what());
    error.Value().Set("code", Napi::String::New(env, "lost"));
    return error.Value();
  } catch (const std::exception &other) {
    return Napi::Error::New(env, other.what()).Value();
  }
}

}  // namespace

Napi::Function Session::Define(Napi::Env env) {
  EndWithProcess(env);
  return DefineClass(env, "CudaSession",
                     {InstanceMethod<&Session::Open>("open"),
                      InstanceMethod<&Session::Allocate>("allocate"),
                      InstanceMethod<&Session::Free>("free"),
                      InstanceMethod<&Session::UploadColumn>("uploadColumn"),
                      InstanceMethod<&Session::BindColumn>("bindColumn"),
                      InstanceMethod<&Session::Write>("write"),
                      InstanceMethod<&Session::Read>("read"),
                      InstanceMethod<&Session::Run>("run"),
                      InstanceMethod<&Session::TimeLaunch>("timeLaunch"),
                      InstanceMethod<&Session::Dispose>("dispose")});
}

// process.exit() passes cleanup hooks by and takes libraries down at once: a thread that runs would
// call into what is gone.
void Session::EndWithProcess(Napi::Env env) {
  const Living living = std::make_shared<std::set<Session *>>();
  env.SetInstanceData(new Living(living));
  const auto end = Napi::Function::New(env, [living](const Napi::CallbackInfo &) {
    while (!living->empty()) (*living->begin())->StopThread();
  });
  const Napi::Object process = env.Global().Get("process").As<Napi::Object>();
  process.Get("once").As<Napi::Function>().Call(process, {Napi::String::New(env, "exit"), end});
}

Session::Session(const Napi::CallbackInfo &info)
    : Napi::ObjectWrap<Session>(info),
      living_(*info.Env().GetInstanceData<Living>()),
      engine_(std::make_unique<Engine>(EngineOptionsFrom(info[0].As<Napi::Object>()))) {
  StartThread();
}

Session::~Session() { StopThread(); }

Napi::Value Session::Open(const Napi::CallbackInfo &) {
  Call &call = NewCall();
  call.work = [this] { engine_->Open(); };
  return Start(call);
}

Napi::Value Session::Allocate(const Napi::CallbackInfo &info) {
  const uint64_t bytes = NumberOf(info[0]);
  const auto memory = std::make_shared<uint32_t>(0);
  Call &call = NewCall();
  call.work = [this, bytes, memory] { *memory = engine_->Allocate(bytes); };
  call.result = [memory](Napi::Env env) { return Napi::Number::New(env, *memory); };
  return Start(call);
}

Napi::Value Session::Free(const Napi::CallbackInfo &info) {
  const uint32_t memory = static_cast<uint32_t>(NumberOf(info[0]));
  Call &call = NewCall();
  call.work = [this, memory] { engine_->Free(memory); };
  return Start(call);
}

Napi::Value Session::UploadColumn(const Napi::CallbackInfo &info) {
  const uint32_t memory = static_cast<uint32_t>(NumberOf(info[0]));
  const View data = ViewOf(info[1]);
  Call &call = NewCall();
  call.held.push_back(Hold(info[1]));
  call.work = [this, memory, data] { engine_->UploadColumn(memory, data.data, data.bytes); };
  return Start(call);
}

Napi::Value Session::BindColumn(const Napi::CallbackInfo &info) {
  const size_t slot = NumberOf(info[0]);
  const View data = ViewOf(info[1]);
  const uint32_t memory = static_cast<uint32_t>(NumberOf(info[2]));
  Call &call = NewCall();
  call.held.push_back(Hold(info[1]));
  call.work = [this, slot, data, memory] { engine_->BindColumn(slot, data.data, memory); };
  // What was bound before may be read until then.
  call.result = [this, slot, &call](Napi::Env env) {
    if (columns_.size() <= slot) columns_.resize(slot + 1);
    columns_[slot] = std::move(call.held[0]);
    return env.Undefined();
  };
  return Start(call);
}

Napi::Value Session::Write(const Napi::CallbackInfo &info) {
  const Arena arena = ArenaFrom(info[0]);
  const uint64_t offset = NumberOf(info[1]);
  const View data = ViewOf(info[2]);
  Call &call = NewCall();
  call.held.push_back(Hold(info[2]));
  call.work = [this, arena, offset, data] {
    engine_->Write(arena, offset, data.data, data.bytes);
  };
  return Start(call);
}

Napi::Value Session::Read(const Napi::CallbackInfo &info) {
  const Arena arena = ArenaFrom(info[0]);
  const uint64_t offset = NumberOf(info[1]);
  const View data = ViewOf(info[2]);
  Call &call = NewCall();
  call.held.push_back(Hold(info[2]));
  call.work = [this, arena, offset, data] { engine_->Read(arena, offset, data.data, data.bytes); };
  return Start(call);
}

Napi::Value Session::Run(const Napi::CallbackInfo &info) {
  const Napi::Object request = info[0].As<Napi::Object>();
  const Job job = JobFrom(request);
  Call &call = NewCall();
  call.held.push_back(Hold(request.Get("rows")));
  call.held.push_back(Hold(request.Get("scalars")));
  call.work = [this, job] {
    if (!engine_->Run(job)) throw CudaError(kDisposed);
  };
  return Start(call);
}

Napi::Value Session::TimeLaunch(const Napi::CallbackInfo &info) {
  const Napi::Object request = info[0].As<Napi::Object>();
  const Job job = JobFrom(request);
  const size_t launch = NumberOf(info[1]);
  const double seconds = info[2].As<Napi::Number>().DoubleValue();
  const auto result = std::make_shared<double>(0);
  Call &call = NewCall();
  call.held.push_back(Hold(request.Get("rows")));
  call.held.push_back(Hold(request.Get("scalars")));
  call.work = [this, job, launch, seconds, result] {
    *result = engine_->TimeLaunch(job, launch, seconds);
  };
  call.result = [result](Napi::Env env) { return Napi::Number::New(env, *result); };
  return Start(call);
}

void Session::Dispose(const Napi::CallbackInfo &) {
  StopThread();
  columns_.clear();
  while (!calls_.empty()) Answer(calls_.front().get());
}

Session::Call &Session::NewCall() {
  if (thread_ == nullptr) throw Napi::Error::New(Env(), kDisposed);
  calls_.push_back(std::make_unique<Call>(Env()));
  return *calls_.back();
}

Napi::Value Session::Start(Call &call) {
  const Napi::Promise promise = call.promise.Promise();
  Ref();
  // While calls are not answered, and only then, the process stays for them.
  if (calls_.size() == 1) napi_ref_threadsafe_function(Env(), notify_);
  thread_->Push([&call, notify = notify_] {
    try {
      call.work();
    } catch (const std::exception &) {
      call.error = std::current_exception();
    }
    call.is_done.store(true);
    napi_call_threadsafe_function(notify, &call, napi_tsfn_blocking);
  });
  return promise;
}

void Session::StartThread() {
  const napi_env env = Env();
  const Napi::String name = Napi::String::New(env, "nnc cuda");
  const napi_status status = napi_create_threadsafe_function(
      env, nullptr, nullptr, name, 0, 1, nullptr, nullptr, this, OnDone, &notify_);
  if (status != napi_ok) throw Napi::Error::New(env);
  napi_unref_threadsafe_function(env, notify_);
  try {
    thread_ = std::make_unique<TaskThread>([this] { engine_->Close(); });
  } catch (const std::system_error &error) {
    napi_release_threadsafe_function(notify_, napi_tsfn_abort);
    throw Napi::Error::New(env, std::string("cannot start a thread: ") + error.what());
  }
  // Hooks run last in, first out: ours, which stops the thread, before the one of `notify_`.
  napi_add_env_cleanup_hook(env, OnEnvironmentExit, this);
  living_->insert(this);
}

void Session::StopThread() {
  if (thread_ == nullptr) return;
  engine_->Stop();
  thread_.reset();
  napi_remove_env_cleanup_hook(Env(), OnEnvironmentExit, this);
  living_->erase(this);
  napi_release_threadsafe_function(notify_, napi_tsfn_abort);
  notify_ = nullptr;
}

// A call whose work was not done was in the way of dispose().
void Session::Answer(Call *call) {
  const Napi::Env env = Env();
  const bool is_done = call->is_done.load();
  if (!is_done) {
    call->promise.Reject(Napi::Error::New(env, kDisposed).Value());
  } else if (call->error != nullptr) {
    call->promise.Reject(ErrorFor(env, call->error));
  } else {
    call->promise.Resolve(call->result ? call->result(env) : env.Undefined());
  }
  calls_.remove_if([call](const std::unique_ptr<Call> &one) { return one.get() == call; });
  if (calls_.empty() && notify_ != nullptr) napi_unref_threadsafe_function(env, notify_);
  Unref();
}

void Session::OnDone(napi_env env, napi_value, void *session, void *call) {
  // Without an environment the process is going down and nobody waits.
  if (env == nullptr) return;
  Napi::HandleScope scope(env);
  Session *const self = static_cast<Session *>(session);
  // What dispose() answered itself may come here as well.
  if (self->thread_ != nullptr) self->Answer(static_cast<Call *>(call));
}

void Session::OnEnvironmentExit(void *session) { static_cast<Session *>(session)->StopThread(); }

}  // namespace nnc::cuda
