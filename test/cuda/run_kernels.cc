// Runs launches of an image and gives memory back: the program behind test/targets/cuda/run-kernels.ts. What it is to do
// comes through the standard input, as lines and then the bytes that they announce, in order:
//
//   image <bytes>
//   order <forward, reverse or shuffled>
//   memory <name> <bytes> <bytes given>             the rest is full of NaNs
//   step <name> <rows> <seed> <batch> <scalars>     names of memory, `-` for none
//   launch <kernel> <blocks> <threads> <shared> <cooperative: 0 or 1>
//   pointer <memory> <offset> | number <i32>        the launch's arguments
//   map <memory> <offset> <type> <swizzle> <axes> <extents> <strides> <box>
//   output <memory>
//   end
//
// Outputs follow each other in the standard output. What goes wrong is said in the standard error, with status 1.

#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "emulation.h"
#include "load_image.h"
#include "tensor_map.h"

namespace {

struct Memory {
  unsigned char *start;
  size_t bytes;
  size_t given;
};

struct Argument {
  enum { kPointer, kNumber, kMap } kind;
  uint64_t value;
  alignas(64) unsigned char map[128];
};

struct Launch {
  std::string kernel;
  unsigned blocks;
  unsigned threads;
  unsigned shared_bytes;
  bool is_cooperative;
  std::vector<Argument> arguments;
};

[[noreturn]] void Refuse(const std::string &why) {
  std::cerr << why << "\n";
  std::exit(1);
}

#if defined(__SANITIZE_ADDRESS__)
// The sanitizer's own memory, so that it knows every byte.
unsigned char *Allocate(const std::string &, size_t bytes) {
  constexpr size_t kAlignment = 256;
  void *memory = nullptr;
  if (posix_memalign(&memory, kAlignment, bytes) != 0) Refuse("no memory");
  std::memset(memory, 0xff, bytes);
  return static_cast<unsigned char *>(memory);
}
#else
unsigned char *Allocate(const std::string &name, size_t bytes) {
  void *memory = nnc_allocate(name.c_str(), bytes);
  if (memory == nullptr) Refuse("no memory for " + name);
  return static_cast<unsigned char *>(memory);
}
#endif

class Session {
 public:
  void Read(std::istream &input);
  void Run();
  void Write(std::ostream &output) const;

 private:
  Memory &Named(const std::string &name) {
    const auto found = memory_.find(name);
    if (found == memory_.end()) Refuse("there is no memory " + name);
    return found->second;
  }
  void ReadStep(std::istream &line);
  Argument ReadMap(std::istream &line);
  void RunLaunch(const Launch &launch, const nnc_emulation::Image &image) const;

  size_t image_bytes_ = 0;
  std::string image_;
  std::map<std::string, Memory> memory_;
  std::vector<std::string> given_;
  std::vector<Launch> launches_;
  std::vector<std::string> outputs_;
  struct Step {
    unsigned char *at;
    std::string rows;
    uint32_t seed;
    uint32_t batch;
    std::string scalars;
  };
  std::vector<Step> steps_;
};

void Session::ReadStep(std::istream &line) {
  Step step{};
  std::string name;
  line >> name >> step.rows >> step.seed >> step.batch >> step.scalars;
  const size_t scalars = step.scalars == "-" ? 0 : Named(step.scalars).given;
  const size_t bytes = sizeof(void *) + 2 * sizeof(uint32_t) + scalars;
  step.at = Allocate(name, bytes);
  memory_[name] = {step.at, bytes, 0};
  steps_.push_back(step);
}

Argument Session::ReadMap(std::istream &line) {
  std::string name;
  size_t offset = 0;
  int type = 0;
  int swizzle = 0;
  unsigned axes = 0;
  line >> name >> offset >> type >> swizzle >> axes;
  uint64_t extents[5] = {};
  uint64_t strides[5] = {};
  uint32_t box[5] = {};
  for (unsigned i = 0; i < axes; ++i) line >> extents[i];
  // In bytes; that of the innermost axis is not given to the driver.
  for (unsigned i = 0; i < axes; ++i) line >> strides[i];
  for (unsigned i = 0; i < axes; ++i) line >> box[i];
  Argument argument{Argument::kMap, 0, {}};
  const char *wrong = nnc_encode_tensor_map(argument.map, type, axes, Named(name).start + offset,
                                            extents, strides + 1, box, swizzle);
  if (wrong != nullptr) Refuse(std::string("a tensor map that the driver refuses: ") + wrong);
  return argument;
}

void Session::Read(std::istream &input) {
  std::string text;
  while (std::getline(input, text) && text != "end") {
    std::istringstream line(text);
    std::string what;
    line >> what;
    if (what == "image") {
      line >> image_bytes_;
    } else if (what == "order") {
      std::string order;
      line >> order;
      if (!nnc_set_order(order.c_str())) Refuse("there is no order " + order);
    } else if (what == "memory") {
      std::string name;
      size_t bytes = 0;
      size_t given = 0;
      line >> name >> bytes >> given;
      memory_[name] = {Allocate(name, bytes), bytes, given};
      given_.push_back(name);
    } else if (what == "step") {
      ReadStep(line);
    } else if (what == "launch") {
      Launch launch;
      line >> launch.kernel >> launch.blocks >> launch.threads >> launch.shared_bytes >>
          launch.is_cooperative;
      launches_.push_back(launch);
    } else if (what == "pointer") {
      std::string name;
      size_t offset = 0;
      line >> name >> offset;
      const auto address = reinterpret_cast<uint64_t>(Named(name).start + offset);
      launches_.back().arguments.push_back({Argument::kPointer, address, {}});
    } else if (what == "number") {
      int32_t number = 0;
      line >> number;
      launches_.back().arguments.push_back(
          {Argument::kNumber, static_cast<uint32_t>(number), {}});
    } else if (what == "map") {
      launches_.back().arguments.push_back(ReadMap(line));
    } else if (what == "output") {
      std::string name;
      line >> name;
      outputs_.push_back(name);
    } else {
      Refuse("not understood: " + text);
    }
  }
  image_.resize(image_bytes_);
  input.read(image_.data(), static_cast<std::streamsize>(image_bytes_));
  for (const std::string &name : given_) {
    const Memory &memory = memory_[name];
    input.read(reinterpret_cast<char *>(memory.start), static_cast<std::streamsize>(memory.given));
  }
  if (!input) Refuse("the input ends too early");
  for (const Step &step : steps_) {
    const unsigned char *rows = Named(step.rows).start;
    unsigned char *at = step.at;
    std::memcpy(at, &rows, sizeof rows);
    std::memcpy(at += sizeof rows, &step.seed, sizeof step.seed);
    std::memcpy(at += sizeof step.seed, &step.batch, sizeof step.batch);
    if (step.scalars == "-") continue;
    const Memory &scalars = Named(step.scalars);
    std::memcpy(at + sizeof step.batch, scalars.start, scalars.given);
  }
}

void Session::RunLaunch(const Launch &launch, const nnc_emulation::Image &image) const {
  const NncKernel *kernel = image.Find(launch.kernel);
  if (kernel == nullptr) Refuse("the image has no kernel " + launch.kernel);
  if (launch.threads < 1 || launch.threads > kernel->max_threads) {
    Refuse(launch.kernel + " is launched with " + std::to_string(launch.threads) + " threads");
  }
  if (launch.arguments.size() != kernel->parameters) {
    Refuse(launch.kernel + " has " + std::to_string(kernel->parameters) + " parameters and " +
           std::to_string(launch.arguments.size()) + " arguments");
  }
  std::vector<std::max_align_t> storage(kernel->parameter_offsets[kernel->parameters] /
                                            sizeof(std::max_align_t) + 8);
  // Tensor maps lie at multiples of 64 bytes.
  auto *arguments = reinterpret_cast<unsigned char *>(
      (reinterpret_cast<uintptr_t>(storage.data()) + 63) / 64 * 64);
  for (unsigned i = 0; i < kernel->parameters; ++i) {
    const Argument &argument = launch.arguments[i];
    const size_t bytes = argument.kind == Argument::kPointer ? sizeof(void *)
                         : argument.kind == Argument::kNumber ? sizeof(int32_t)
                                                              : sizeof argument.map;
    if (bytes != kernel->parameter_bytes[i]) {
      Refuse("argument " + std::to_string(i) + " of " + launch.kernel + " has " +
             std::to_string(bytes) + " bytes");
    }
    const void *from = argument.kind == Argument::kMap
                           ? static_cast<const void *>(argument.map)
                           : static_cast<const void *>(&argument.value);
    std::memcpy(arguments + kernel->parameter_offsets[i], from, bytes);
  }
  const NncLaunch emulated{kernel, launch.blocks, launch.threads, launch.shared_bytes,
                           arguments, launch.is_cooperative};
  if (nnc_launch(&emulated) != kNncDone) Refuse(nnc_fault_message);
  const char *overwritten = nnc_overwritten();
  if (overwritten != nullptr) {
    Refuse(launch.kernel + " has written after the end of " + overwritten);
  }
}

void Session::Run() {
  std::string error;
  const nnc_emulation::Image *image = nnc_emulation::Image::Load(image_.c_str(), &error);
  if (image == nullptr) Refuse(error);
  for (const Launch &launch : launches_) RunLaunch(launch, *image);
}

void Session::Write(std::ostream &output) const {
  for (const std::string &name : outputs_) {
    const Memory &memory = memory_.at(name);
    output.write(reinterpret_cast<const char *>(memory.start),
                 static_cast<std::streamsize>(memory.bytes));
  }
  output.flush();
}

}  // namespace

int main() {
  std::ios::sync_with_stdio(false);
  Session session;
  session.Read(std::cin);
  session.Run();
  session.Write(std::cout);
  // Without leak checks of what the process had.
  _exit(0);
}
