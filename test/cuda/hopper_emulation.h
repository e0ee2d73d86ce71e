// The machine's functions of compute capability 9.0 (compiler/targets/cuda/hopper-machine.ts), for the front of
// generated sources.

#ifndef NNC_TEST_CUDA_HOPPER_EMULATION_H_
#define NNC_TEST_CUDA_HOPPER_EMULATION_H_

#include "emulation.h"

// Given to kernels by value, see `tensor_map.h`.
struct alignas(64) NncTensorMap {
  unsigned char bytes[128];
};

extern "C" {

void nnc_init_barrier(void *barrier, int arrivals);
void nnc_arrive_at_barrier(void *barrier, int bytes);
void nnc_await_barrier(void *barrier, int parity);
// Poisons the destination. The copy itself is made when somebody waits for its barrier.
void nnc_copy_box(unsigned axes, void *to, const NncTensorMap *map, void *barrier,
                  const int *coordinates);

// Products are made when they are waited for; their sums are poisoned until then.
void nnc_start_products(void);
void nnc_multiply_warpgroup(NncMatrixType type, int columns, bool left_transposed,
                            bool right_transposed, float *sums, const void *left,
                            const void *right, int right_bytes, bool accumulates);
void nnc_commit_products(void);
void nnc_await_products(int pending);
void nnc_finish_products(const float *sums, int count);
void nnc_set_registers(int count);

}  // extern "C"

inline void init_barrier(void *barrier, int arrivals) { nnc_init_barrier(barrier, arrivals); }
inline void publish_barriers() {}
inline void arrive_at_barrier(void *barrier) { nnc_arrive_at_barrier(barrier, 0); }
inline void expect_bytes(void *barrier, int bytes) { nnc_arrive_at_barrier(barrier, bytes); }
inline void await_barrier(void *barrier, int parity) { nnc_await_barrier(barrier, parity); }

#define NNC_COPY_BOX(type)                                                                      \
  inline void copy_box_2_##type(void *to, const NncTensorMap *map, void *barrier, int at_0,     \
                                int at_1) {                                                     \
    const int at[] = {at_0, at_1};                                                              \
    nnc_copy_box(2, to, map, barrier, at);                                                      \
  }                                                                                             \
  inline void copy_box_3_##type(void *to, const NncTensorMap *map, void *barrier, int at_0,     \
                                int at_1, int at_2) {                                           \
    const int at[] = {at_0, at_1, at_2};                                                        \
    nnc_copy_box(3, to, map, barrier, at);                                                      \
  }                                                                                             \
  inline void copy_box_4_##type(void *to, const NncTensorMap *map, void *barrier, int at_0,     \
                                int at_1, int at_2, int at_3) {                                 \
    const int at[] = {at_0, at_1, at_2, at_3};                                                  \
    nnc_copy_box(4, to, map, barrier, at);                                                      \
  }                                                                                             \
  inline void copy_box_5_##type(void *to, const NncTensorMap *map, void *barrier, int at_0,     \
                                int at_1, int at_2, int at_3, int at_4) {                       \
    const int at[] = {at_0, at_1, at_2, at_3, at_4};                                            \
    nnc_copy_box(5, to, map, barrier, at);                                                      \
  }
NNC_COPY_BOX(f32)
NNC_COPY_BOX(f16)
NNC_COPY_BOX(bf16)

inline void start_products() { nnc_start_products(); }
inline void commit_products() { nnc_commit_products(); }
inline void await_products_0() { nnc_await_products(0); }
inline void await_products_1() { nnc_await_products(1); }
inline void await_products_2() { nnc_await_products(2); }

#define NNC_MULTIPLY_WARPGROUP(columns, type, kind, order, left_transposed, right_transposed)   \
  inline void multiply_warpgroup_##columns##_##type##order(                                     \
      float *sums, const void *left, const void *right, int right_bytes, bool accumulates) {    \
    nnc_multiply_warpgroup(kind, columns, left_transposed, right_transposed, sums, left, right, \
                           right_bytes, accumulates);                                           \
  }
#define NNC_MULTIPLY_WARPGROUP_HALVES(columns, type, kind)                                      \
  NNC_MULTIPLY_WARPGROUP(columns, type, kind, , false, false)                                   \
  NNC_MULTIPLY_WARPGROUP(columns, type, kind, _transposed_left, true, false)                    \
  NNC_MULTIPLY_WARPGROUP(columns, type, kind, _transposed_right, false, true)                   \
  NNC_MULTIPLY_WARPGROUP(columns, type, kind, _transposed_left_transposed_right, true, true)
#define NNC_PRODUCTS_OF(columns, sums)                                                          \
  NNC_MULTIPLY_WARPGROUP_HALVES(columns, f16, kNncF16)                                          \
  NNC_MULTIPLY_WARPGROUP_HALVES(columns, bf16, kNncBf16)                                        \
  NNC_MULTIPLY_WARPGROUP(columns, tf32, kNncTf32, , false, false)                               \
  inline void finish_products_##sums(float *values) { nnc_finish_products(values, sums); }
#define NNC_PRODUCTS_OF_32(a, b, c, d) \
  NNC_PRODUCTS_OF a NNC_PRODUCTS_OF b NNC_PRODUCTS_OF c NNC_PRODUCTS_OF d
NNC_PRODUCTS_OF_32((8, 4), (16, 8), (24, 12), (32, 16))
NNC_PRODUCTS_OF_32((40, 20), (48, 24), (56, 28), (64, 32))
NNC_PRODUCTS_OF_32((72, 36), (80, 40), (88, 44), (96, 48))
NNC_PRODUCTS_OF_32((104, 52), (112, 56), (120, 60), (128, 64))
NNC_PRODUCTS_OF_32((136, 68), (144, 72), (152, 76), (160, 80))
NNC_PRODUCTS_OF_32((168, 84), (176, 88), (184, 92), (192, 96))
NNC_PRODUCTS_OF_32((200, 100), (208, 104), (216, 108), (224, 112))
NNC_PRODUCTS_OF_32((232, 116), (240, 120), (248, 124), (256, 128))

#define NNC_REGISTERS(count)                                              \
  inline void increase_registers_##count() { nnc_set_registers(count); }  \
  inline void decrease_registers_##count() { nnc_set_registers(count); }
NNC_REGISTERS(24)
NNC_REGISTERS(32)
NNC_REGISTERS(40)
NNC_REGISTERS(160)
NNC_REGISTERS(232)
NNC_REGISTERS(240)


#endif  // NNC_TEST_CUDA_HOPPER_EMULATION_H_
