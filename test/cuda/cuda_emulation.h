// CUDA C++ as ordinary C++: put in front of a generated source. It has what kernels use of CUDA, and the machine's
// functions (compiler/targets/cuda/machine.ts) instead of those of the source. No header of C++ is included, as g++
// would take longer for it than for the kernels.

#ifndef NNC_TEST_CUDA_CUDA_EMULATION_H_
#define NNC_TEST_CUDA_CUDA_EMULATION_H_

#include "emulation.h"

#define NNC_MACHINE

// ---- The language.

#define __global__
#define __device__
#define __host__
#define __constant__ const
#define __forceinline__ inline
#define __noinline__ __attribute__((noinline))
#define __launch_bounds__(...)
#define __grid_constant__
#define __align__(bytes) __attribute__((aligned(bytes)))
// Found by its section, whose name is set before each kernel, and without a place in the file.
#if defined(__x86_64__)
#define NNC_NO_BITS ",\"aw\",@nobits#"
#else
#define NNC_NO_BITS ",\"aw\",%nobits//"
#endif
#define __shared__ static __attribute__((section(NNC_SHARED_SECTION NNC_NO_BITS)))

struct NncIndex {
  unsigned x;
};
#define threadIdx (NncIndex{nnc_position.thread})
#define blockIdx (NncIndex{nnc_position.block})
#define blockDim (NncIndex{nnc_position.threads})
#define gridDim (NncIndex{nnc_position.blocks})
#define __syncthreads() nnc_barrier(__LINE__)
#define __trap() nnc_fault("__trap()")

template <class T>
inline T __shfl_down_sync(unsigned mask, T value, unsigned distance) {
  static_assert(sizeof(T) == 4, "the machine exchanges words");
  const unsigned lane = nnc_position.thread % 32;
  const unsigned char *lanes = nnc_exchange("__shfl_down_sync", mask, &value, sizeof value);
  const unsigned from = lane + distance;
  // Beyond the end of the warp the value is the thread's own; of a lane that is not there it is undefined.
  if (from >= 32) return value;
  T result;
  if (nnc_position.thread - lane + from >= nnc_position.threads) {
    __builtin_memset(&result, 0xff, sizeof result);
  } else {
    __builtin_memcpy(&result, lanes + 64 * from, sizeof result);
  }
  return result;
}
// Of the thread that is number `from` of the `width` threads that this one is among.
template <class T>
inline T __shfl_sync(unsigned mask, T value, unsigned from, unsigned width = 32) {
  static_assert(sizeof(T) == 4, "the machine exchanges words");
  const unsigned lane = nnc_position.thread % 32;
  const unsigned char *lanes = nnc_exchange("__shfl_sync", mask, &value, sizeof value);
  const unsigned source = lane - lane % width + from % width;
  T result;
  if (nnc_position.thread - lane + source >= nnc_position.threads) {
    __builtin_memset(&result, 0xff, sizeof result);
  } else {
    __builtin_memcpy(&result, lanes + 64 * source, sizeof result);
  }
  return result;
}
inline void __syncwarp(unsigned mask = 0xffffffffu) { nnc_exchange("__syncwarp", mask, &mask, 0); }

// ---- Functions.

inline float nnc_float_of_bits(unsigned bits) {
  float value;
  __builtin_memcpy(&value, &bits, sizeof value);
  return value;
}
inline unsigned nnc_bits_of_float(float value) {
  unsigned bits;
  __builtin_memcpy(&bits, &value, sizeof bits);
  return bits;
}
inline float __uint_as_float(unsigned bits) { return nnc_float_of_bits(bits); }
inline float __int_as_float(int bits) { return nnc_float_of_bits(static_cast<unsigned>(bits)); }
inline unsigned __float_as_uint(float value) { return nnc_bits_of_float(value); }
inline int __float_as_int(float value) { return static_cast<int>(nnc_bits_of_float(value)); }

#define fmaf __builtin_fmaf
#define sqrtf __builtin_sqrtf
#define floorf __builtin_floorf
#define ceilf __builtin_ceilf
#define truncf __builtin_truncf
#define rintf __builtin_rintf
#define fabsf __builtin_fabsf
inline unsigned __umulhi(unsigned a, unsigned b) {
  return static_cast<unsigned>(static_cast<unsigned long long>(a) * b >> 32);
}

// ---- The machine's functions.

struct nnc_f16;
struct nnc_bf16;

inline int nnc_i32_from_f32(float x) {
  if (x != x) return 0;
  if (x >= 2147483648.0f) return 2147483647;
  return x <= -2147483648.0f ? -2147483647 - 1 : static_cast<int>(x);
}
inline unsigned nnc_u32_from_f32(float x) {
  if (!(x > 0.0f)) return 0u;
  return x >= 4294967296.0f ? 4294967295u : static_cast<unsigned>(x);
}
template <class Half>
inline float nnc_f32_from_f16(Half x) {
  return nnc_float_from_half(x.bits);
}
template <class Half = nnc_f16>
inline Half nnc_f16_from_f32(float x) {
  return Half{nnc_half_from_float(x)};
}
template <class Half>
inline float nnc_f32_from_bf16(Half x) {
  return nnc_float_of_bits(static_cast<unsigned>(x.bits) << 16);
}
template <class Half = nnc_bf16>
inline Half nnc_bf16_from_f32(float x) {
  if (x != x) return Half{0x7fff};
  const unsigned bits = nnc_bits_of_float(x);
  return Half{static_cast<unsigned short>((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16)};
}

#define NNC_DYNAMIC_SHARED unsigned char *const nnc_shared = nnc_dynamic_shared

#define NNC_COPY_ASYNC(size, type)                                                            \
  inline void copy_async_##size##_##type(void *to, const void *from, bool exists) {           \
    nnc_copy_async(to, from, size, exists);                                                   \
  }
#define NNC_COPIES_ASYNC(type) \
  NNC_COPY_ASYNC(4, type) NNC_COPY_ASYNC(8, type) NNC_COPY_ASYNC(16, type)
NNC_COPIES_ASYNC(f32)
NNC_COPIES_ASYNC(f16)
NNC_COPIES_ASYNC(bf16)

#define nnc_meet_grid() nnc_meet_grid(__LINE__)
#define NNC_MEET_THREADS(threads) \
  inline void meet_threads_##threads() { nnc_meet_threads(threads); }
NNC_MEET_THREADS(32)
NNC_MEET_THREADS(64)
NNC_MEET_THREADS(96)
NNC_MEET_THREADS(128)
NNC_MEET_THREADS(160)
NNC_MEET_THREADS(192)
NNC_MEET_THREADS(224)
NNC_MEET_THREADS(256)
NNC_MEET_THREADS(512)

inline void commit_copies() { nnc_commit_copies(); }
#define NNC_AWAIT_COPIES(pending) \
  inline void await_copies_##pending() { nnc_await_copies(pending); }
NNC_AWAIT_COPIES(0)
NNC_AWAIT_COPIES(1)
NNC_AWAIT_COPIES(2)
NNC_AWAIT_COPIES(3)
NNC_AWAIT_COPIES(4)
NNC_AWAIT_COPIES(5)
NNC_AWAIT_COPIES(6)
NNC_AWAIT_COPIES(7)

#define NNC_LOAD_MATRICES(count, type)                                                     \
  inline void load_matrices_##count##_##type(unsigned *registers, const void *line) {      \
    nnc_load_matrices(registers, line, count, false);                                      \
  }                                                                                        \
  inline void load_matrices_##count##_transposed_##type(unsigned *registers, const void *line) { \
    nnc_load_matrices(registers, line, count, true);                                       \
  }
NNC_LOAD_MATRICES(2, f16)
NNC_LOAD_MATRICES(4, f16)
NNC_LOAD_MATRICES(2, bf16)
NNC_LOAD_MATRICES(4, bf16)

inline void multiply_matrices_f16(float *sums, const unsigned *left, const unsigned *right) {
  nnc_multiply_matrices(kNncF16, sums, left, right);
}
inline void multiply_matrices_bf16(float *sums, const unsigned *left, const unsigned *right) {
  nnc_multiply_matrices(kNncBf16, sums, left, right);
}
inline void multiply_matrices_tf32(float *sums, const unsigned *left, const unsigned *right) {
  nnc_multiply_matrices(kNncTf32, sums, left, right);
}
inline void round_to_tf32(unsigned *to, float number) {
  const unsigned bits = nnc_bits_of_float(number);
  // Infinity and NaN stay what they are; what is left below the tenth bit is the next half ulp, rounded away.
  *to = (bits & 0x7f800000u) == 0x7f800000u ? bits : (bits + 0x1000u) & 0xffffe000u;
}

#include "hopper_emulation.h"

// ---- What the launcher finds: one `NNC_KERNEL` for each kernel, after the source.

template <class... T>
struct NncParameters {
  static constexpr unsigned count = sizeof...(T);
  struct Places {
    unsigned bytes[count + 1];
    unsigned offsets[count + 1];
  };
  static constexpr Places Layout() {
    constexpr unsigned sizes[] = {sizeof(T)..., 0};
    constexpr unsigned alignments[] = {alignof(T)..., 1};
    Places places{};
    unsigned end = 0;
    for (unsigned i = 0; i < count; ++i) {
      places.offsets[i] = (end + alignments[i] - 1) / alignments[i] * alignments[i];
      places.bytes[i] = sizes[i];
      end = places.offsets[i] + sizes[i];
    }
    places.offsets[count] = end;
    return places;
  }
  static constexpr Places places = Layout();
  template <unsigned... I>
  struct Positions {};
  template <void (*kernel)(T...), unsigned... I>
  static void RunWith(const unsigned char *arguments, Positions<I...>) {
    kernel(*reinterpret_cast<T *>(const_cast<unsigned char *>(arguments + places.offsets[I]))...);
  }
  template <void (*kernel)(T...)>
  static void Run(const unsigned char *arguments) {
    RunWith<kernel>(arguments, Positions<__integer_pack(count)...>());
  }
};
template <class... T>
constexpr NncParameters<T...> nnc_parameters_of(void (*)(T...)) {
  return {};
}

#define NNC_SHARED_OF(kernel)                                                      \
  extern "C" __attribute__((weak, visibility("hidden"))) unsigned char __start_nnc_shared_##kernel[]; \
  extern "C" __attribute__((weak, visibility("hidden"))) unsigned char __stop_nnc_shared_##kernel[];
#define NNC_KERNEL(kernel, threads)                                                           \
  {#kernel, decltype(nnc_parameters_of(kernel))::Run<kernel>,                                  \
   decltype(nnc_parameters_of(kernel))::count, decltype(nnc_parameters_of(kernel))::places.bytes, \
   decltype(nnc_parameters_of(kernel))::places.offsets, __start_nnc_shared_##kernel,           \
   __stop_nnc_shared_##kernel, threads},

#endif  // NNC_TEST_CUDA_CUDA_EMULATION_H_
