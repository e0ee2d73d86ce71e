// Copies of boxes, barriers that count bytes, and products of matrices in shared memory by a warpgroup, as the PTX manual
// has them ("mbarrier", "cp.async.bulk.tensor", "wgmma.mma_async"). What happens behind the threads' back happens as late
// as it may, and until then its destination holds NaNs: so a wait that is missing shows, and memory that is handed out
// again too early does, too.

#include <cstring>
#include <vector>

#include "block.h"
#include "hopper_emulation.h"
#include "tensor_map.h"

using nnc_emulation::kWarpThreads;

namespace {

constexpr int kPoison = 0xff;
constexpr uint64_t kBoxAlignment = 1024;
constexpr unsigned kMostAxes = 5;
constexpr unsigned kWarpgroupThreads = 128;

// ---- Shared memory.

uint32_t SharedOffset(const void *address, const char *what) {
  const auto *at = static_cast<const unsigned char *>(address);
  if (at < nnc_dynamic_shared || at >= nnc_dynamic_shared + nnc_dynamic_shared_bytes) {
    nnc_fault("%s is not in the block of shared memory", what);
  }
  return static_cast<uint32_t>(at - nnc_dynamic_shared);
}

// Where a byte lies with lines of 128 bytes swizzled: pieces of 16 bytes are exchanged by the number of the line.
uint32_t Swizzled(uint32_t offset) { return offset ^ (offset >> 7 & 7u) << 4; }

unsigned char *SharedAt(uint32_t offset, const char *what) {
  if (offset >= nnc_dynamic_shared_bytes) nnc_fault("%s goes beyond shared memory", what);
  return nnc_dynamic_shared + offset;
}

// ---- Barriers: 8 bytes of shared memory.

struct Barrier {
  int16_t pending;
  int16_t arrivals;
  // Bytes announced and not there yet, and the parity of the phase.
  int32_t bytes : 31;
  uint32_t parity : 1;
};
static_assert(sizeof(Barrier) == 8, "as in shared memory");

struct BoxCopy {
  NncEncodedTensorMap map;
  uint32_t to;
  void *barrier;
  int coordinates[kMostAxes];
};

std::vector<BoxCopy> copies;

Barrier Load(const void *barrier) {
  Barrier value;
  std::memcpy(&value, barrier, sizeof value);
  return value;
}

void Store(void *barrier, Barrier value) {
  if (value.pending == 0 && value.bytes == 0) {
    value.pending = value.arrivals;
    value.parity ^= 1u;
  }
  std::memcpy(barrier, &value, sizeof value);
  nnc_progress();
}

void RequireBarrier(const void *barrier) {
  if (SharedOffset(barrier, "a barrier") % 8 != 0) {
    nnc_fault("a barrier at no multiple of 8 bytes");
  }
}

uint64_t BoxBytes(const NncEncodedTensorMap &map) {
  uint64_t bytes = map.element_bytes;
  for (unsigned axis = 0; axis < map.rank; ++axis) bytes *= map.box[axis];
  return bytes;
}

uint32_t RoundedToTf32(uint32_t bits) {
  const bool is_finite = (bits & 0x7f800000u) != 0x7f800000u;
  return is_finite ? (bits + 0x1000u) & 0xffffe000u : bits;
}

void MakeCopy(const BoxCopy &copy) {
  const NncEncodedTensorMap &map = copy.map;
  const uint64_t elements = BoxBytes(map) / map.element_bytes;
  for (uint64_t number = 0; number < elements; ++number) {
    const unsigned char *from = map.address;
    bool exists = true;
    uint64_t rest = number;
    for (unsigned axis = 0; axis < map.rank; ++axis) {
      const int64_t at = copy.coordinates[axis] + static_cast<int64_t>(rest % map.box[axis]);
      rest /= map.box[axis];
      exists = exists && at >= 0 && at < static_cast<int64_t>(map.extents[axis]);
      from += at * static_cast<int64_t>(map.strides[axis]);
    }
    uint32_t to = copy.to + static_cast<uint32_t>(number * map.element_bytes);
    if (map.swizzle_bytes == 128) to = Swizzled(to);
    unsigned char *target = SharedAt(to, "a box");
    if (!exists) {
      std::memset(target, 0, map.element_bytes);
    } else if (map.type == kNncTensorTf32) {
      uint32_t bits;
      std::memcpy(&bits, from, sizeof bits);
      bits = RoundedToTf32(bits);
      std::memcpy(target, &bits, sizeof bits);
    } else {
      std::memcpy(target, from, map.element_bytes);
    }
  }
}

void MakeCopiesOf(void *barrier) {
  for (size_t i = 0; i < copies.size();) {
    if (copies[i].barrier != barrier) {
      ++i;
      continue;
    }
    const BoxCopy copy = copies[i];
    copies.erase(copies.begin() + static_cast<std::ptrdiff_t>(i));
    MakeCopy(copy);
    Barrier state = Load(barrier);
    state.bytes -= static_cast<int32_t>(BoxBytes(copy.map));
    Store(barrier, state);
  }
}

// ---- Products.

struct Product {
  NncMatrixType type;
  int columns;
  bool left_transposed;
  bool right_transposed;
  uint32_t left;
  uint32_t right;
  uint32_t right_bytes;
  bool accumulates;
  // Which of `Accumulators`, and in which group.
  size_t sums;
  int group;
};

// Sums that products under way add to, in place of the thread's registers.
struct Accumulators {
  float *registers;
  std::vector<float> values;
  size_t under_way;
};

struct Products {
  std::vector<Product> queue;
  std::vector<Accumulators> sums;
  int groups = 0;
  bool has_started = false;
};

std::vector<Products> products;

Products &ProductsOf(unsigned thread) {
  if (products.size() < nnc_position.threads) products.resize(nnc_position.threads);
  return products[thread];
}

Products &Own() { return ProductsOf(nnc_position.thread); }

float FromBits(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

// An operand by its own row and the point of the sum.
class Matrix {
 public:
  Matrix(NncMatrixType type, bool is_transposed, uint32_t start, uint32_t leading_bytes)
      : type_(type), is_transposed_(is_transposed), start_(start), leading_bytes_(leading_bytes) {}

  float At(uint32_t row, uint32_t point) const {
    const uint32_t bytes = type_ == kNncTf32 ? 4 : 2;
    uint32_t offset = start_;
    if (is_transposed_) {
      offset += row / 64 * leading_bytes_ + point / 8 * kEightLines + point % 8 * kLineBytes;
      offset += row % 64 * bytes;
    } else {
      offset += row / 8 * kEightLines + row % 8 * kLineBytes + point * bytes;
    }
    const unsigned char *at = SharedAt(Swizzled(offset), "an operand");
    if (type_ == kNncTf32) {
      uint32_t word;
      std::memcpy(&word, at, sizeof word);
      return FromBits(word & 0xffffe000u);
    }
    uint16_t half;
    std::memcpy(&half, at, sizeof half);
    return type_ == kNncBf16 ? FromBits(static_cast<uint32_t>(half) << 16)
                             : nnc_float_from_half(half);
  }

 private:
  static constexpr uint32_t kLineBytes = 128;
  static constexpr uint32_t kEightLines = 1024;
  NncMatrixType type_;
  bool is_transposed_;
  uint32_t start_;
  uint32_t leading_bytes_;
};

// A thread's share: two rows, and two of each eight columns.
void MakeProduct(const Product &product, uint32_t thread, float *sums) {
  constexpr uint32_t kMostPoints = 16;
  const uint32_t points = product.type == kNncTf32 ? 8 : 16;
  const Matrix left(product.type, product.left_transposed, product.left, 0);
  const Matrix right(product.type, product.right_transposed, product.right, product.right_bytes);
  const uint32_t first_row = thread / kWarpThreads * 16 + thread % kWarpThreads / 4;
  float lines[2][kMostPoints];
  for (uint32_t r = 0; r < 2; ++r) {
    for (uint32_t k = 0; k < points; ++k) lines[r][k] = left.At(first_row + 8 * r, k);
  }
  for (uint32_t eight = 0; eight < static_cast<uint32_t>(product.columns) / 8; ++eight) {
    for (uint32_t c = 0; c < 2; ++c) {
      const uint32_t column = 8 * eight + thread % 4 * 2 + c;
      float totals[2] = {0, 0};
      for (uint32_t k = 0; k < points; ++k) {
        const float factor = right.At(column, k);
        for (uint32_t r = 0; r < 2; ++r) totals[r] += lines[r][k] * factor;
      }
      for (uint32_t r = 0; r < 2; ++r) {
        float &sum = sums[4 * eight + 2 * r + c];
        sum = product.accumulates ? sum + totals[r] : totals[r];
      }
    }
  }
}

// Those of the groups before number `groups`, of one thread.
void MakeProducts(unsigned thread, int groups) {
  Products &own = ProductsOf(thread);
  while (!own.queue.empty() && own.queue.front().group < groups) {
    const Product product = own.queue.front();
    own.queue.erase(own.queue.begin());
    Accumulators &sums = own.sums[product.sums];
    MakeProduct(product, thread % kWarpgroupThreads, sums.values.data());
    --sums.under_way;
  }
}

// A warpgroup's products are one operation: they cannot be done before all its warps have issued them, and where one warp
// has waited for them, they are done for all. Each thread has its sums when it waits itself.
void AwaitProducts(int pending) {
  const unsigned first = nnc_position.thread / kWarpgroupThreads * kWarpgroupThreads;
  const int groups = Own().groups - pending;
  for (unsigned thread = first; thread < first + kWarpgroupThreads; ++thread) {
    while (ProductsOf(thread).groups < groups) nnc_pause("await_products");
  }
  for (unsigned thread = first; thread < first + kWarpgroupThreads; ++thread) {
    MakeProducts(thread, groups);
  }
  Products &own = Own();
  for (const Accumulators &sums : own.sums) {
    if (sums.under_way > 0) continue;
    std::memcpy(sums.registers, sums.values.data(), sums.values.size() * sizeof(float));
  }
  if (own.queue.empty()) own.sums.clear();
}

size_t AccumulatorsOf(Products &own, float *registers, size_t count) {
  for (size_t i = 0; i < own.sums.size(); ++i) {
    if (own.sums[i].registers == registers) return i;
  }
  own.sums.push_back({registers, std::vector<float>(registers, registers + count), 0});
  return own.sums.size() - 1;
}

}  // namespace

void nnc_init_barrier(void *barrier, int arrivals) {
  RequireBarrier(barrier);
  // The first that a block does here: nothing of a block that failed is left.
  copies.clear();
  products.clear();
  Barrier state{};
  state.pending = static_cast<int16_t>(arrivals);
  state.arrivals = static_cast<int16_t>(arrivals);
  std::memcpy(barrier, &state, sizeof state);
}

void nnc_arrive_at_barrier(void *barrier, int bytes) {
  RequireBarrier(barrier);
  Barrier state = Load(barrier);
  state.bytes += bytes;
  if (--state.pending < 0) nnc_fault("more arrivals at a barrier than it was made for");
  Store(barrier, state);
}

void nnc_await_barrier(void *barrier, int parity) {
  RequireBarrier(barrier);
  if (parity != 0 && parity != 1) nnc_fault("a barrier's parity is %d", parity);
  for (;;) {
    MakeCopiesOf(barrier);
    if (Load(barrier).parity != static_cast<unsigned>(parity)) return;
    nnc_pause("await_barrier");
  }
}

void nnc_copy_box(unsigned axes, void *to, const NncTensorMap *map, void *barrier,
                  const int *coordinates) {
  RequireBarrier(barrier);
  BoxCopy copy{};
  std::memcpy(&copy.map, map, sizeof copy.map);
  if (copy.map.rank != axes) nnc_fault("a box of %u axes of a map of %u", axes, copy.map.rank);
  copy.to = SharedOffset(to, "a box");
  const uint64_t alignment = copy.map.swizzle_bytes == 0 ? 128 : kBoxAlignment;
  if (copy.to % alignment != 0) {
    nnc_fault("a box starts at %u, no multiple of %u bytes", copy.to,
              static_cast<unsigned>(alignment));
  }
  if (copy.map.swizzle_bytes != 0 &&
      (copy.map.swizzle_bytes != 128 || copy.map.box[0] * copy.map.element_bytes != 128)) {
    nnc_fault("only lines of 128 bytes that are swizzled as wholes are emulated");
  }
  const uint64_t bytes = BoxBytes(copy.map);
  if (copy.to + bytes > nnc_dynamic_shared_bytes) nnc_fault("a box goes beyond shared memory");
  copy.barrier = barrier;
  std::memcpy(copy.coordinates, coordinates, axes * sizeof(int));
  std::memset(static_cast<unsigned char *>(to), kPoison, bytes);
  copies.push_back(copy);
  nnc_progress();
}

void nnc_start_products() { Own().has_started = true; }

void nnc_multiply_warpgroup(NncMatrixType type, int columns, bool left_transposed,
                            bool right_transposed, float *sums, const void *left,
                            const void *right, int right_bytes, bool accumulates) {
  const uint32_t given[] = {SharedOffset(left, "the left operand"),
                            SharedOffset(right, "the right operand"),
                            static_cast<uint32_t>(right_bytes), accumulates};
  if (given[0] % 16 != 0 || given[1] % 16 != 0) {
    nnc_fault("an operand starts at no multiple of 16 bytes");
  }
  if (nnc_position.threads / kWarpgroupThreads <= nnc_position.thread / kWarpgroupThreads) {
    nnc_fault("multiply_warpgroup by threads that are no whole warpgroup");
  }
  const unsigned char *lanes = nnc_exchange("multiply_warpgroup", ~0u, given, sizeof given);
  if (std::memcmp(lanes, given, sizeof given) != 0) {
    nnc_fault("threads of a warp multiply different matrices");
  }
  Products &own = Own();
  if (!own.has_started) nnc_fault("products without start_products before them");
  const size_t count = static_cast<size_t>(columns) / 2;
  const size_t place = AccumulatorsOf(own, sums, count);
  ++own.sums[place].under_way;
  std::memset(sums, kPoison, count * sizeof(float));
  own.queue.push_back({type, columns, left_transposed, right_transposed, given[0], given[1],
                       given[2], accumulates, place, own.groups});
}

void nnc_commit_products() {
  ++Own().groups;
  nnc_progress();
}

void nnc_await_products(int pending) {
  Own().has_started = false;
  AwaitProducts(pending);
}

void nnc_finish_products(const float *, int) {
  Products &own = Own();
  if (!own.queue.empty() && own.queue.back().group == own.groups) {
    nnc_fault("products that no group was made of");
  }
  nnc_await_products(0);
}

void nnc_set_registers(int) {}
