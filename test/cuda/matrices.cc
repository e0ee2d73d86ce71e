// Products of small matrices by a warp, with the layouts of registers of the PTX manual ("Matrix Fragments for
// mma.m16n8k16", "… mma.m16n8k8", "ldmatrix"). Products are exact and added in f32.

#include <cmath>
#include <cstring>

#include "block.h"
#include "emulation.h"

using nnc_emulation::kLaneBytes;
using nnc_emulation::kWarpThreads;
using nnc_emulation::TheBlock;

namespace {

constexpr int kRows = 16;
constexpr int kColumns = 8;

struct Operands {
  unsigned left[4];
  unsigned right[2];
  float sums[4];
};
static_assert(sizeof(Operands) <= kLaneBytes, "given in one exchange");

float FromBits(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

// The unit looks at no bits of the fraction below the tenth.
float Tf32(uint32_t bits) { return FromBits(bits & 0xffffe000u); }
float Bf16(uint32_t bits) { return FromBits(bits << 16); }

template <NncMatrixType type>
float Half(uint32_t pair, int which) {
  const uint32_t bits = which == 0 ? pair & 0xffffu : pair >> 16;
  return type == kNncBf16 ? Bf16(bits) : nnc_float_from_half(static_cast<uint16_t>(bits));
}

// Called once for all lanes, with what they gave.
template <NncMatrixType type>
void Multiply(unsigned char *lanes) {
  constexpr int kDepth = type == kNncTf32 ? 8 : 16;
  float left[kRows][kDepth];
  float right[kDepth][kColumns];
  for (unsigned lane = 0; lane < kWarpThreads; ++lane) {
    Operands given;
    std::memcpy(&given, lanes + lane * kLaneBytes, sizeof given);
    const int line = static_cast<int>(lane / 4);
    const int place = static_cast<int>(lane % 4);
    for (int r = 0; r < 4; ++r) {
      const int row = line + (r % 2) * 8;
      if constexpr (type == kNncTf32) {
        left[row][place + r / 2 * 4] = Tf32(given.left[r]);
      } else {
        for (int h = 0; h < 2; ++h) left[row][place * 2 + r / 2 * 8 + h] = Half<type>(given.left[r], h);
      }
    }
    for (int r = 0; r < 2; ++r) {
      if constexpr (type == kNncTf32) {
        right[place + r * 4][line] = Tf32(given.right[r]);
      } else {
        for (int h = 0; h < 2; ++h) right[place * 2 + r * 8 + h][line] = Half<type>(given.right[r], h);
      }
    }
  }
  float products[kRows][kColumns] = {};
  for (int i = 0; i < kRows; ++i) {
    for (int k = 0; k < kDepth; ++k) {
      for (int j = 0; j < kColumns; ++j) products[i][j] += left[i][k] * right[k][j];
    }
  }
  for (unsigned lane = 0; lane < kWarpThreads; ++lane) {
    Operands given;
    std::memcpy(&given, lanes + lane * kLaneBytes, sizeof given);
    for (unsigned i = 0; i < 4; ++i) {
      given.sums[i] += products[lane / 4 + i / 2 * 8][lane % 4 * 2 + i % 2];
    }
    std::memcpy(lanes + lane * kLaneBytes, &given, sizeof given);
  }
}

void RequireWholeWarps(const char *what) {
  if (nnc_position.threads % kWarpThreads != 0) {
    nnc_fault("%s in a block of %u threads, which are no whole warps", what, nnc_position.threads);
  }
}

}  // namespace

void nnc_multiply_matrices(NncMatrixType type, float *sums, const unsigned *left,
                           const unsigned *right) {
  constexpr const char *kNames[] = {"multiply_matrices_f16", "multiply_matrices_bf16",
                                    "multiply_matrices_tf32"};
  constexpr nnc_emulation::Block::Complete kComplete[] = {
      Multiply<kNncF16>, Multiply<kNncBf16>, Multiply<kNncTf32>};
  RequireWholeWarps(kNames[type]);
  Operands given;
  std::memcpy(given.left, left, sizeof given.left);
  std::memcpy(given.right, right, sizeof given.right);
  std::memcpy(given.sums, sums, sizeof given.sums);
  const unsigned lane = nnc_position.thread % kWarpThreads;
  const unsigned char *lanes =
      TheBlock().Exchange(kNames[type], ~0u, &given, sizeof given, kComplete[type]);
  std::memcpy(&given, lanes + lane * kLaneBytes, sizeof given);
  std::memcpy(sums, given.sums, sizeof given.sums);
}

void nnc_load_matrices(unsigned *registers, const void *line, int count, bool transposed) {
  const char *what = transposed ? "load_matrices_transposed" : "load_matrices";
  RequireWholeWarps(what);
  const unsigned lane = nnc_position.thread % kWarpThreads;
  // Only as many addresses are looked at as there are lines.
  const bool is_read = lane < static_cast<unsigned>(count) * 8;
  if (is_read && reinterpret_cast<uintptr_t>(line) % 16 != 0) {
    nnc_fault("%s from an address that is no multiple of 16", what);
  }
  // The line itself: its memory may be written as soon as the threads go on.
  unsigned char halves[16] = {};
  if (is_read) std::memcpy(halves, line, sizeof halves);
  const unsigned char *lanes = nnc_exchange(what, ~0u, halves, sizeof halves);
  for (int j = 0; j < count; ++j) {
    unsigned char pair[4];
    for (unsigned h = 0; h < 2; ++h) {
      const unsigned position = lane % 4 * 2 + h;
      const unsigned row = transposed ? position : lane / 4;
      const unsigned column = transposed ? lane / 4 : position;
      const unsigned from = static_cast<unsigned>(j) * 8 + row;
      std::memcpy(pair + 2 * h, lanes + from * kLaneBytes + 2 * column, 2);
    }
    std::memcpy(&registers[j], pair, sizeof pair);
  }
}

float nnc_float_from_half(uint16_t bits) {
  const uint32_t sign = static_cast<uint32_t>(bits & 0x8000u) << 16;
  const uint32_t exponent = bits >> 10 & 0x1fu;
  const uint32_t fraction = bits & 0x3ffu;
  if (exponent == 0x1f) return FromBits(sign | 0x7f800000u | fraction << 13);
  if (exponent != 0) return FromBits(sign | (exponent + 112) << 23 | fraction << 13);
  // Subnormal: multiples of 2⁻²⁴, exact.
  const float magnitude = static_cast<float>(fraction) * 0x1p-24f;
  return sign == 0 ? magnitude : -magnitude;
}

uint16_t nnc_half_from_float(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  const uint16_t sign = static_cast<uint16_t>(bits >> 16 & 0x8000u);
  const uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return static_cast<uint16_t>(0x7fffu);
  if (magnitude >= 0x477ff000u) return sign | 0x7c00u;
  if (magnitude < 0x38800000u) {
    // Below the normal numbers, in multiples of 2⁻²⁴.
    return sign | static_cast<uint16_t>(std::nearbyintf(std::fabs(value) * 0x1p24f));
  }
  const uint32_t rounded = magnitude + 0xfffu + (magnitude >> 13 & 1u);
  return sign | static_cast<uint16_t>((rounded - 0x38000000u) >> 13);
}
