/**
 * The kernel that begins every step. A CUDA graph launches the same kernels with the same arguments again and again, so
 * what differs from step to step lies in one place of memory, and this kernel moves the next record there. It is part of
 * every source, and launched by the addon.
 */

export const nextStepName = "nnc_next_step";

export const nextStepText = `// Begins a step: moves the record at \`*next\`, of so many words, to \`step\`, and \`*next\` on behind it.
extern "C" __global__ void __launch_bounds__(32) ${nextStepName}(unsigned *step, const unsigned **next, int words) {
  const unsigned *record = *next;
  for (int i = (int)threadIdx.x; i < words; i += 32) step[i] = record[i];
  __syncthreads();
  if (threadIdx.x == 0) *next = record + words;
}`;
