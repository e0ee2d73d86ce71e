#include "functions.h"

#include <functional>
#include <utility>

#include "device.h"
#include "nvrtc.h"
#include "program_from_js.h"
#include "session.h"

namespace nnc::cuda {
namespace {

// Work that is done on a thread of Node's, and answered by a promise.
class Worker : public Napi::AsyncWorker {
 public:
  using Answer = std::function<Napi::Value(Napi::Env)>;

  // `work` may throw; it gives what makes the answer on JavaScript's thread.
  static Napi::Value Start(Napi::Env env, std::function<Answer()> work) {
    Worker *const worker = new Worker(env, std::move(work));
    const Napi::Promise promise = worker->promise_.Promise();
    worker->Queue();
    return promise;
  }

 private:
  Worker(Napi::Env env, std::function<Answer()> work)
      : Napi::AsyncWorker(env),
        promise_(Napi::Promise::Deferred::New(env)),
        work_(std::move(work)) {}

  void Execute() override { answer_ = work_(); }
  void OnOK() override { promise_.Resolve(answer_(Env())); }
  void OnError(const Napi::Error &error) override { promise_.Reject(error.Value()); }

  Napi::Promise::Deferred promise_;
  const std::function<Answer()> work_;
  Answer answer_;
};

std::string TextOf(const Napi::Object &object, const char *key) {
  return object.Get(key).As<Napi::String>().Utf8Value();
}

// findCudaDevice({ library, ordinal })
Napi::Value FindDeviceForJs(const Napi::CallbackInfo &info) {
  const DeviceChoice choice = DeviceChoiceFrom(info[0].As<Napi::Object>());
  return Worker::Start(info.Env(), [choice]() -> Worker::Answer {
    const Device device = FindDevice(choice);
    return [device](Napi::Env env) {
      Napi::Object found = Napi::Object::New(env);
      found.Set("name", device.name);
      found.Set("capability", device.capability);
      found.Set("driverVersion", device.driver->version());
      found.Set("isCooperative", Napi::Boolean::New(env, device.is_cooperative));
      return found;
    };
  });
}

NvrtcChoice NvrtcChoiceFrom(const Napi::Object &options) {
  NvrtcChoice choice;
  choice.library = TextOf(options, "library");
  choice.driver_version = options.Get("driverVersion").As<Napi::Number>().Int32Value();
  const Napi::Array folders = options.Get("folders").As<Napi::Array>();
  for (uint32_t i = 0; i < folders.Length(); ++i) {
    choice.folders.push_back(static_cast<Napi::Value>(folders.Get(i)).As<Napi::String>());
  }
  return choice;
}

// findNvrtc({ library, folders, driverVersion }, capability, specific)
Napi::Value FindNvrtc(const Napi::CallbackInfo &info) {
  const NvrtcChoice choice = NvrtcChoiceFrom(info[0].As<Napi::Object>());
  const int capability = info[1].As<Napi::Number>().Int32Value();
  const bool specific = info[2].As<Napi::Boolean>().Value();
  return Worker::Start(info.Env(), [choice, capability, specific]() -> Worker::Answer {
    const auto nvrtc = Nvrtc::Load(choice);
    const std::string version = VersionName(nvrtc->version());
    const std::string architecture = nvrtc->ArchitectureFor(capability, specific);
    return [version, architecture](Napi::Env env) {
      Napi::Object found = Napi::Object::New(env);
      found.Set("version", version);
      found.Set("architecture", architecture);
      return found;
    };
  });
}

// compileCuda({ library, folders, driverVersion }, source, architecture)
Napi::Value CompileCuda(const Napi::CallbackInfo &info) {
  const NvrtcChoice choice = NvrtcChoiceFrom(info[0].As<Napi::Object>());
  const std::string source = info[1].As<Napi::String>();
  const std::string architecture = info[2].As<Napi::String>();
  return Worker::Start(info.Env(), [choice, source, architecture]() -> Worker::Answer {
    const auto nvrtc = Nvrtc::Load(choice);
    const std::vector<char> code = nvrtc->Compile(source, architecture);
    return [code](Napi::Env env) {
      return Napi::Buffer<char>::Copy(env, code.data(), code.size());
    };
  });
}

}  // namespace

void DefineFunctions(Napi::Env env, Napi::Object exports) {
  exports.Set("CudaSession", Session::Define(env));
  exports.Set("findCudaDevice", Napi::Function::New(env, FindDeviceForJs));
  exports.Set("findNvrtc", Napi::Function::New(env, FindNvrtc));
  exports.Set("compileCuda", Napi::Function::New(env, CompileCuda));
}

}  // namespace nnc::cuda
