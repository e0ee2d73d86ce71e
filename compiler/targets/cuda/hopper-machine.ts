/**
 * The functions of `hopper-intrinsics.ts` in PTX, for devices of compute capability 9.0 alone (sm_90a).
 *
 * A matrix descriptor says where an operand starts in shared memory and how it goes on, in units of 16 bytes: bits 0 to 13
 * the start, 16 to 29 the leading and 32 to 45 the stride offset, and in bits 62 and 63 which lines are swizzled, 1 being
 * those of 128 bytes. Along the sum, the stride is from eight lines to the next, and the leading offset has no
 * meaning. Transposed, the leading offset is from the box of 64 rows to the next, the stride from eight points of the
 * sum to the next (PTX ISA, "Matrix-Descriptor Format"; CUTLASS, `make_gmma_desc`).
 */

import type { MachineFunction } from "./machine.ts";

const header = "static __device__ __forceinline__";

const elements = { f32: "float", f16: "nnc_f16", bf16: "nnc_bf16" } as const;

/** What kernels are given for a tensor map: 128 bytes that the driver makes. */
const tensorMapType = "NncTensorMap";

const barriers: Readonly<Record<string, MachineFunction>> = {
  [tensorMapType]: {
    text: `struct __align__(64) ${tensorMapType} { unsigned char bytes[128]; };`,
  },
  init_barrier: {
    calls: ["nnc_shared_address"],
    text: `${header} void init_barrier(unsigned *barrier, int arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;"
               :: "r"(nnc_shared_address(barrier)), "r"(arrivals) : "memory");
}`,
  },
  publish_barriers: {
    text: `${header} void publish_barriers() {
  asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}`,
  },
  arrive_at_barrier: {
    calls: ["nnc_shared_address"],
    text: `${header} void arrive_at_barrier(unsigned *barrier) {
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];"
               :: "r"(nnc_shared_address(barrier)) : "memory");
}`,
  },
  expect_bytes: {
    calls: ["nnc_shared_address"],
    text: `${header} void expect_bytes(unsigned *barrier, int bytes) {
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;"
               :: "r"(nnc_shared_address(barrier)), "r"(bytes) : "memory");
}`,
  },
  await_barrier: {
    calls: ["nnc_shared_address"],
    text: `${header} void await_barrier(unsigned *barrier, int parity) {
  const unsigned address = nnc_shared_address(barrier);
  unsigned has_ended;
  do {
    asm volatile("{ .reg .pred p; mbarrier.try_wait.parity.shared::cta.b64 p, [%1], %2; "
                 "selp.u32 %0, 1, 0, p; }"
                 : "=r"(has_ended) : "r"(address), "r"(parity) : "memory");
  } while (!has_ended);
}`,
  },
};

function copyBox(axes: number, dtype: keyof typeof elements): MachineFunction {
  const coordinates = Array.from({ length: axes }, (_, i) => `at_${i}`);
  const places = coordinates.map((_, i) => `%${i + 3}`).join(", ");
  const instruction = `cp.async.bulk.tensor.${axes}d.shared::cluster.global.mbarrier::complete_tx::bytes`;
  return {
    types: [{ dtype, lanes: 1 }],
    calls: ["nnc_shared_address", tensorMapType],
    text: `${header} void copy_box_${axes}_${dtype}(${elements[dtype]} *to, const ${tensorMapType} *map,
    unsigned *barrier, ${coordinates.map((name) => `int ${name}`).join(", ")}) {
  asm volatile("${instruction} "
               "[%0], [%1, {${places}}], [%2];"
               :: "r"(nnc_shared_address(to)), "l"(map), "r"(nnc_shared_address(barrier)),
                  ${coordinates.map((name) => `"r"(${name})`).join(", ")} : "memory");
}`,
  };
}

const products: Readonly<Record<string, MachineFunction>> = {
  start_products: {
    text: `${header} void start_products() {
  asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}`,
  },
  commit_products: {
    text: `${header} void commit_products() {
  asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}`,
  },
  nnc_matrix_descriptor: {
    calls: ["nnc_shared_address"],
    text: `// Of an operand of swizzled lines, eight of which are 1024 bytes.
${header} unsigned long long nnc_matrix_descriptor(const void *start, int leading_bytes) {
  return (unsigned long long)((nnc_shared_address(start) & 0x3ffff) >> 4) |
         (unsigned long long)(leading_bytes >> 4) << 16 | (unsigned long long)(1024 >> 4) << 32 |
         1ull << 62;
}`,
  },
};

function awaitProducts(pending: string): MachineFunction {
  return {
    text: `${header} void await_products_${pending}() {
  asm volatile("wgmma.wait_group.sync.aligned ${pending};" ::: "memory");
}`,
  };
}

/** The sums as operands of an instruction that reads and writes them. */
function sumOperands(count: number): string {
  const operands = Array.from({ length: count }, (_, i) => `"+f"(sums[${i}])`);
  return inLines(operands, 6, "                 ");
}

/** That the wait names the sums keeps the compiler from using them before. */
function finishProducts(sums: number): MachineFunction {
  return {
    text: `${header} void finish_products_${sums}(float *sums) {
  asm volatile("wgmma.wait_group.sync.aligned 0;"
               : ${sumOperands(sums)} :: "memory");
}`,
  };
}

interface Product {
  readonly columns: number;
  readonly dtype: "f16" | "bf16" | "tf32";
  readonly order: string;
}

function multiplyWarpgroup({ columns, dtype, order }: Product): MachineFunction {
  const count = columns / 2;
  const registers = inLines(
    Array.from({ length: count }, (_, i) => `%${i}`),
    16,
    '               "',
    ' "',
  );
  const element = elements[dtype === "tf32" ? "f32" : dtype];
  const shape = `m64n${columns}k${dtype === "tf32" ? 8 : 16}`;
  const isTransposed = (side: string) => (order.includes(`transposed_${side}`) ? 1 : 0);
  const transposes = dtype === "tf32" ? "" : `, ${isTransposed("left")}, ${isTransposed("right")}`;
  return {
    types: dtype === "tf32" ? [] : [{ dtype, lanes: 1 }],
    calls: ["nnc_matrix_descriptor"],
    text: `${header} void multiply_warpgroup_${columns}_${dtype}${order}(
    float *sums, const ${element} *left, const ${element} *right, int right_bytes, bool accumulates) {
  asm volatile("{ .reg .pred p; setp.ne.b32 p, %${count + 2}, 0; "
               "wgmma.mma_async.sync.aligned.${shape}.f32.${dtype}.${dtype} {"
               "${registers}}, "
               "%${count}, %${count + 1}, p, 1, 1${transposes}; }"
               : ${sumOperands(count)}
               : "l"(nnc_matrix_descriptor(left, 16)),
                 "l"(nnc_matrix_descriptor(right, right_bytes)), "r"((int)accumulates) : "memory");
}`,
  };
}

function inLines(parts: readonly string[], width: number, indent: string, end = ""): string {
  const lines = Array.from({ length: Math.ceil(parts.length / width) }, (_, i) =>
    parts.slice(i * width, (i + 1) * width).join(", "),
  );
  return lines.join(`,${end}\n${indent}`);
}

function setRegisters(how: string, count: string): MachineFunction {
  const instruction = `setmaxnreg.${how === "increase" ? "inc" : "dec"}.sync.aligned.u32 ${count};`;
  return {
    text: `${header} void ${how}_registers_${count}() { asm volatile("${instruction}"); }`,
  };
}

/** The function of this name, if it is one of Hopper's. */
export function hopperFunction(name: string): MachineFunction | undefined {
  const known = { ...barriers, ...products }[name];
  if (known !== undefined) return known;
  const match =
    /^(?<kind>copy_box|multiply_warpgroup|await_products|finish_products|increase_registers|decrease_registers)_(?<count>\d+)(?:_(?<dtype>[a-z]+\d+))?(?<order>(?:_transposed_left)?(?:_transposed_right)?)$/.exec(
      name,
    )?.groups;
  if (match === undefined) return undefined;
  const { kind, count = "", dtype, order = "" } = match;
  switch (kind) {
    case "copy_box":
      return copyBox(Number(count), dtype as keyof typeof elements);
    case "multiply_warpgroup":
      return multiplyWarpgroup({
        columns: Number(count),
        dtype: dtype as Product["dtype"],
        order,
      });
    case "await_products":
      return awaitProducts(count);
    case "finish_products":
      return finishProducts(Number(count));
    default:
      return setRegisters(kind === "increase_registers" ? "increase" : "decrease", count);
  }
}
