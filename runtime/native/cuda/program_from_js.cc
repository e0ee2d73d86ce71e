#include "program_from_js.h"

#include <algorithm>

namespace nnc::cuda {
namespace {

double NumberOf(const Napi::Object &object, const char *key) {
  return object.Get(key).As<Napi::Number>().DoubleValue();
}

uint64_t BytesOf(const Napi::Object &object, const char *key) {
  return static_cast<uint64_t>(NumberOf(object, key));
}

unsigned CountOf(const Napi::Object &object, const char *key) {
  return static_cast<unsigned>(NumberOf(object, key));
}

bool FlagOf(const Napi::Object &object, const char *key) {
  return object.Get(key).As<Napi::Boolean>().Value();
}

std::string TextOf(const Napi::Object &object, const char *key) {
  return object.Get(key).As<Napi::String>().Utf8Value();
}

template <typename Element, typename Convert>
std::vector<Element> ListOf(const Napi::Object &object, const char *key, Convert convert) {
  const Napi::Array array = object.Get(key).As<Napi::Array>();
  std::vector<Element> elements;
  elements.reserve(array.Length());
  for (uint32_t i = 0; i < array.Length(); ++i) {
    elements.push_back(convert(static_cast<Napi::Value>(array.Get(i))));
  }
  return elements;
}

template <typename Number>
std::vector<Number> NumbersOf(const Napi::Object &object, const char *key) {
  return ListOf<Number>(object, key, [](const Napi::Value &value) {
    return static_cast<Number>(value.As<Napi::Number>().DoubleValue());
  });
}

Kernel KernelFrom(const Napi::Value &value) {
  const Napi::Object object = value.As<Napi::Object>();
  Kernel kernel;
  kernel.name = TextOf(object, "name");
  kernel.label = TextOf(object, "label");
  kernel.threads = CountOf(object, "threads");
  kernel.shared_bytes = CountOf(object, "sharedBytes");
  kernel.is_persistent = FlagOf(object, "isPersistent");
  kernel.is_cooperative = FlagOf(object, "isCooperative");
  return kernel;
}

Extent ExtentFrom(const Napi::Value &value) {
  const Napi::Object object = value.As<Napi::Object>();
  return {BytesOf(object, "batch"), BytesOf(object, "constant")};
}

TensorMap TensorMapFrom(const Napi::Object &object) {
  TensorMap map;
  map.dtype = TextOf(object, "dtype");
  map.extents = ListOf<Extent>(object, "extents", ExtentFrom);
  map.strides = NumbersOf<uint64_t>(object, "strides");
  map.box = NumbersOf<uint32_t>(object, "box");
  map.swizzle_bytes = CountOf(object, "swizzleBytes");
  return map;
}

Argument ArgumentFrom(const Napi::Value &value, const std::vector<size_t> &columns) {
  const Napi::Object object = value.As<Napi::Object>();
  const std::string kind = TextOf(object, "kind");
  Argument argument;
  if (kind == "n") argument.kind = Argument::Kind::kN;
  if (kind == "int") {
    argument.kind = Argument::Kind::kInt;
    argument.value = static_cast<int32_t>(NumberOf(object, "value"));
  }
  if (kind == "step") argument.kind = Argument::Kind::kStep;
  if (kind == "column") {
    argument.kind = Argument::Kind::kColumn;
    const auto slot = std::find(columns.begin(), columns.end(), CountOf(object, "slot"));
    if (slot == columns.end()) {
      throw Napi::Error::New(value.Env(), "a kernel reads a column that its graph does not have");
    }
    argument.column = static_cast<size_t>(slot - columns.begin());
  }
  if (kind == "arena" || kind == "tensorMap") {
    argument.kind = kind == "arena" ? Argument::Kind::kArena : Argument::Kind::kTensorMap;
    argument.arena = ArenaFrom(object.Get("arena"));
    argument.offset = BytesOf(object, "offset");
  }
  if (kind == "tensorMap") argument.map = TensorMapFrom(object);
  return argument;
}

Launch LaunchFrom(const Napi::Value &value, const std::vector<size_t> &columns) {
  const Napi::Object object = value.As<Napi::Object>();
  Launch launch;
  launch.kernel = CountOf(object, "kernel");
  launch.blocks = CountOf(object, "blocks");
  launch.with_previous = FlagOf(object, "withPrevious");
  launch.arguments =
      ListOf<Argument>(object, "arguments", [&](const Napi::Value &argument) {
        return ArgumentFrom(argument, columns);
      });
  return launch;
}

StepGraph GraphFrom(const Napi::Value &value) {
  const Napi::Object object = value.As<Napi::Object>();
  StepGraph graph;
  graph.name = TextOf(object, "name");
  graph.columns = NumbersOf<size_t>(object, "columns");
  graph.scalars = CountOf(object, "scalars");
  graph.launches = ListOf<Launch>(object, "launches", [&](const Napi::Value &launch) {
    return LaunchFrom(launch, graph.columns);
  });
  return graph;
}

}  // namespace

DeviceChoice DeviceChoiceFrom(const Napi::Object &options) {
  return {TextOf(options, "library"), static_cast<int>(NumberOf(options, "ordinal"))};
}

EngineOptions EngineOptionsFrom(const Napi::Object &options) {
  EngineOptions engine;
  engine.choice = DeviceChoiceFrom(options);
  const Napi::Uint8Array image = options.Get("image").As<Napi::Uint8Array>();
  engine.image.assign(image.Data(), image.Data() + image.ByteLength());
  // PTX is a text, which ends so.
  engine.image.push_back('\0');
  Program &program = engine.program;
  program.model = TextOf(options, "model");
  program.kernels = ListOf<Kernel>(options, "kernels", KernelFrom);
  program.graphs = ListOf<StepGraph>(options, "graphs", GraphFrom);
  program.arenas = {BytesOf(options, "persistentBytes"), BytesOf(options, "temporariesBytes"),
                    BytesOf(options, "resultsBytes")};
  program.batch_max = static_cast<size_t>(NumberOf(options, "batchMax"));
  program.row_bytes = NumbersOf<uint64_t>(options, "rowBytes");
  return engine;
}

Arena ArenaFrom(const Napi::Value &name) {
  const std::string text = name.As<Napi::String>().Utf8Value();
  if (text == "persistent") return Arena::kPersistent;
  return text == "temporaries" ? Arena::kTemporaries : Arena::kResults;
}

}  // namespace nnc::cuda
