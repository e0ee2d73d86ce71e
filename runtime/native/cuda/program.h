// What a model launches, as runtime/devices/cuda/cuda-program.ts describes it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace nnc::cuda {

enum class Arena { kPersistent, kTemporaries, kResults };

// batch·n + constant.
struct Extent {
  uint64_t batch = 0;
  uint64_t constant = 0;
};

struct TensorMap {
  // f32, tf32, f16 or bf16.
  std::string dtype;
  // In elements, the innermost axis first.
  std::vector<Extent> extents;
  std::vector<uint64_t> strides;
  std::vector<uint32_t> box;
  unsigned swizzle_bytes = 0;
};

struct Argument {
  enum class Kind { kArena, kColumn, kStep, kN, kInt, kTensorMap };
  Kind kind = Kind::kN;
  Arena arena = Arena::kPersistent;
  uint64_t offset = 0;
  // Position in the graph's columns.
  size_t column = 0;
  int32_t value = 0;
  TensorMap map;
};

struct Kernel {
  std::string name;
  // What messages call it: its name, what it computes, and where in the model.
  std::string label;
  unsigned threads = 0;
  unsigned shared_bytes = 0;
  bool is_persistent = false;
  // Its blocks wait for each other.
  bool is_cooperative = false;
};

struct Launch {
  size_t kernel = 0;
  unsigned blocks = 0;
  bool with_previous = false;
  std::vector<Argument> arguments;
};

struct StepGraph {
  std::string name;
  std::vector<Launch> launches;
  // Slots of the columns that it reads.
  std::vector<size_t> columns;
  // Numbers that every step is given.
  size_t scalars = 0;
};

struct ArenaBytes {
  uint64_t persistent = 0;
  uint64_t temporaries = 0;
  uint64_t results = 0;
};

struct Program {
  // For messages.
  std::string model;
  std::vector<Kernel> kernels;
  std::vector<StepGraph> graphs;
  ArenaBytes arenas;
  size_t batch_max = 0;
  // Bytes of a row, by slot.
  std::vector<uint64_t> row_bytes;
};

}  // namespace nnc::cuda
