/**
 * The share of one subgroup in a tile: which rows and columns its threads have the sums of, and the products that it
 * adds up from panels in shared memory. Fragments and sums lie over the threads as `mma.sync` has them (PTX, "Matrix
 * Fragments for mma.m16n8k16" and "… mma.m16n8k8"): thread t has of 16 × 8 sums rows t/4 and t/4 + 8, columns 2(t mod 4)
 * and the next.
 *
 * Every output adds its products in one order, by the unit's points of the sum, so results depend on tiles and copies
 * in nothing.
 */

import {
  add,
  constant,
  f32,
  load,
  multiply,
  place,
  quotient,
  remainder,
  store,
  symbol,
} from "../../kernel/build.ts";
import {
  loadMatrices,
  multiplyMatrices,
  multiplyMatricesTf32,
  roundToTf32,
  subgroupThreads,
} from "../../kernel/intrinsics.ts";
import type { Argument, Expression } from "../../kernel/ir.ts";
import type { KernelBuilder } from "../kernel-builder.ts";
import {
  type MatrixPanel,
  type MatrixPlan,
  unitColumns,
  unitDepth,
  unitRows,
} from "./matrix-shape.ts";
import type { TileOutputs } from "./tile-outputs.ts";

/** Registers of fragments of the left and the right operand, and of sums. */
const leftRegisters = 4;
const rightRegisters = 2;
const sumRegisters = 4;

/** A panel of the ring. */
export interface PanelInRing {
  readonly buffer: string;
  readonly start: Expression;
}

/** One of both operands. */
export interface PanelsInRing {
  readonly left: PanelInRing;
  readonly right: PanelInRing;
}

export class SubgroupTile {
  readonly #builder: KernelBuilder;
  readonly #plan: MatrixPlan;
  /** Units along the rows and the columns. */
  readonly #down: number;
  readonly #across: number;
  /** This thread in its subgroup, and its subgroup's first row and column of the tile. */
  readonly #lane: Expression;
  readonly #firstRow: Expression;
  readonly #firstColumn: Expression;
  readonly #sums: string;
  readonly #left: Fragments;
  readonly #right: Fragments;

  /** Declares the sums, all zero, and fragments. */
  constructor(builder: KernelBuilder, plan: MatrixPlan) {
    const { tile, threads } = plan;
    this.#builder = builder;
    this.#plan = plan;
    this.#down = tile.rows / unitRows;
    this.#across = tile.columns / unitColumns;
    const thread = symbol("thread");
    const isOne = threads === subgroupThreads;
    this.#lane = isOne ? thread : builder.let("lane", remainder(thread, subgroupThreads));
    const subgroup = isOne ? constant(0) : builder.let("own", quotient(thread, subgroupThreads));
    const down = tile.across === 1 ? subgroup : quotient(subgroup, tile.across);
    const across = tile.across === 1 ? constant(0) : remainder(subgroup, tile.across);
    this.#firstRow = builder.let("own_row", multiply(down, constant(tile.rows)));
    this.#firstColumn = builder.let("own_column", multiply(across, constant(tile.columns)));
    const count = sumRegisters * this.#down * this.#across;
    this.#sums = builder.local("sums", "f32", count);
    this.#unrolled("i", count, (i) => {
      builder.emit(store(place(this.#sums, i), constant(0, "f32")));
    });
    const sides = { operands: plan.operands, dtype: plan.dtype, lane: this.#lane };
    this.#left = new Fragments(builder, {
      ...sides,
      side: "left",
      panel: plan.left,
      first: this.#firstRow,
      count: this.#down,
    });
    this.#right = new Fragments(builder, {
      ...sides,
      side: "right",
      panel: plan.right,
      first: this.#firstColumn,
      count: this.#across,
    });
  }

  /** Reads the first fragments of panels that have arrived, before their products are added. */
  readFirst(panels: PanelsInRing): void {
    this.#read(this.#startIn(panels), 0);
  }

  /**
   * Adds the products of the panels whose first fragments have been read. Fragments of a step are read while those of
   * the step before are multiplied, and at the last step those of the next panels, which `beforeNext` waits for.
   */
  addProducts(panels: PanelsInRing, next: PanelsInRing, beforeNext: () => void): void {
    const { tile, operands } = this.#plan;
    const steps = tile.depth / unitDepth(operands);
    const own = this.#startIn(panels);
    for (let step = 0; step < steps; step++) {
      if (step + 1 < steps) this.#read(own, step + 1);
      else {
        beforeNext();
        this.#read(this.#startIn(next), 0);
      }
      this.#multiply(step);
    }
  }

  /** Where this thread reads from in panels. */
  #startIn({ left, right }: PanelsInRing): PanelsInRing {
    return {
      left: { buffer: left.buffer, start: this.#left.startIn(left) },
      right: { buffer: right.buffer, start: this.#right.startIn(right) },
    };
  }

  #read({ left, right }: PanelsInRing, step: number): void {
    this.#left.read(left.buffer, left.start, step);
    this.#right.read(right.buffer, right.start, step);
  }

  #multiply(step: number): void {
    const { operands } = this.#plan;
    const fn = operands === "tf32" ? multiplyMatricesTf32 : multiplyMatrices(operands);
    this.#unrolled("i", this.#down, (i) => {
      this.#unrolled("j", this.#across, (j) => {
        const number = add(multiply(i, constant(this.#across)), j);
        this.#builder.emit({
          kind: "invoke",
          function: fn,
          args: [
            address(this.#sums, multiply(number, constant(sumRegisters))),
            this.#left.at(step, i),
            this.#right.at(step, j),
          ],
        });
      });
    });
  }

  #unrolled(hint: string, count: number, body: (i: Expression) => void): void {
    unrolled(this.#builder, hint, count, body);
  }

  /** Which outputs this thread has. */
  outputs(axes: readonly Expression[]): TileOutputs {
    const { contraction, tile, threads, left, right } = this.#plan;
    const line = quotient(this.#lane, 4);
    const pair = multiply(remainder(this.#lane, 4), constant(2));
    const firstRow = this.#builder.let("sums_row", add(this.#firstRow, line));
    const firstColumn = this.#builder.let("sums_column", add(this.#firstColumn, pair));
    const half = unitRows / 2;
    // Bands of one unit's rows of every subgroup.
    const ownBand = multiply(quotient(this.#firstRow, tile.rows), constant(unitRows));
    const bandRow = tile.down === 1 ? line : this.#builder.let("band_row", add(ownBand, line));
    return {
      contraction,
      axes,
      height: left.width,
      width: right.width,
      threads,
      rows: {
        count: 2 * this.#down,
        at: (i) => add(firstRow, multiply(i, constant(half))),
      },
      columns: {
        count: 2 * this.#across,
        at: (i) => {
          const unit = multiply(quotient(i, 2), constant(unitColumns));
          return add(firstColumn, add(unit, remainder(i, 2)));
        },
      },
      run: 2,
      sum: (row, column) => {
        const unit = Math.floor(row / 2) * this.#across + Math.floor(column / 2);
        const index = sumRegisters * unit + 2 * (row % 2) + (column % 2);
        return load(place(this.#sums, constant(index)), f32);
      },
      bands: {
        count: this.#down,
        height: unitRows * tile.down,
        place: (i) => add(bandRow, constant(i * half)),
        rowAt: (band, row) => {
          const ofSubgroup = multiply(quotient(row, unitRows), constant(tile.rows));
          const within = add(multiply(band, constant(unitRows)), remainder(row, unitRows));
          return tile.down === 1
            ? add(multiply(band, constant(unitRows)), row)
            : add(ofSubgroup, within);
        },
      },
    };
  }
}

interface FragmentsOptions {
  readonly operands: MatrixPlan["operands"];
  readonly dtype: MatrixPlan["dtype"];
  readonly side: "left" | "right";
  readonly panel: MatrixPanel;
  /** This thread in its subgroup. */
  readonly lane: Expression;
  /** The subgroup's first row (or column) of the tile, and how many units it has along them. */
  readonly first: Expression;
  readonly count: number;
}

/** The fragments of one operand: of two steps of the sum, which take turns. */
class Fragments {
  readonly #builder: KernelBuilder;
  readonly #options: FragmentsOptions;
  readonly #buffer: string;
  readonly #registers: number;
  /** Where this thread reads from in a panel, of the first unit and step. */
  readonly #place: Expression;

  constructor(builder: KernelBuilder, options: FragmentsOptions) {
    const { side, count, operands } = options;
    this.#builder = builder;
    this.#options = options;
    this.#registers = side === "left" ? leftRegisters : rightRegisters;
    this.#buffer = builder.local(`${side}_fragments`, "u32", 2 * count * this.#registers);
    const [line, point] = operands === "tf32" ? this.#ownNumber() : this.#ownLine();
    this.#place = builder.let(`${side}_place`, this.#index(add(options.first, line), point));
  }

  startIn({ start }: PanelInRing): Expression {
    return this.#builder.let(`${this.#options.side}_at`, add(start, this.#place));
  }

  /** The registers of a unit's fragment. */
  at(step: number, unit: Expression): Argument {
    const first = constant((step % 2) * this.#options.count * this.#registers);
    return address(this.#buffer, add(first, multiply(unit, constant(this.#registers))));
  }

  /** Reads all fragments of a step of the panel whose place for this thread is `start`. */
  read(buffer: string, start: Expression, step: number): void {
    if (this.#options.operands === "tf32") this.#readNumbers(buffer, start, step);
    else this.#readLines(buffer, start, step);
  }

  /**
   * Of halves, four matrices of 8 × 8 at once: the left operand's (rows, points) 0 0, 8 0, 0 8, 8 8 are a fragment, the
   * right's (columns, points) 0 0, 0 8, 8 0, 8 8 are two. Thread i tells where line i mod 8 of matrix i/8 is; what lies
   * along the rows or columns comes transposed.
   */
  #ownLine(): readonly [line: Expression, point: Expression] {
    const { side, panel, lane, count } = this.#options;
    const within = remainder(lane, 8);
    const matrix = quotient(lane, 8);
    const isPair = side === "left" || count > 1;
    const odd = multiply(remainder(matrix, 2), constant(8));
    const second = isPair ? multiply(quotient(matrix, 2), constant(8)) : constant(0);
    const [line, point] = side === "left" ? [odd, second] : [second, odd];
    return panel.lines === "depth" ? [add(line, within), point] : [line, add(point, within)];
  }

  #readLines(buffer: string, start: Expression, step: number): void {
    const { side, dtype, panel, count } = this.#options;
    const isSingle = side === "right" && count === 1;
    // Two units of columns fill four matrices.
    const units = side === "right" && !isSingle ? 2 : 1;
    const width = units * (side === "left" ? unitRows : unitColumns);
    const isTransposed = panel.lines === "width";
    const fn = loadMatrices(isSingle ? 2 : 4, dtype as "f16" | "bf16", isTransposed);
    unrolled(this.#builder, "i", count / units, (i) => {
      const line = multiply(i, constant(width));
      const index = add(start, this.#index(line, constant(step * 16)));
      this.#builder.emit({
        kind: "invoke",
        function: fn,
        args: [this.at(step, multiply(i, constant(units))), address(buffer, index)],
      });
    });
  }

  /** Of tf32, single numbers: thread t has row (or column) t/4 and point t mod 4 of matrices of 8 × 4. */
  #ownNumber(): readonly [line: Expression, point: Expression] {
    const { lane } = this.#options;
    return [quotient(lane, 4), remainder(lane, 4)];
  }

  #readNumbers(buffer: string, start: Expression, step: number): void {
    const { side, count } = this.#options;
    const width = side === "left" ? unitRows : unitColumns;
    unrolled(this.#builder, "i", count, (i) => {
      const to = (this.at(step, i) as Argument & { readonly kind: "address" }).place;
      for (let register = 0; register < this.#registers; register++) {
        // The left operand's (rows, points) 0 0, 8 0, 0 4, 8 4; the right's points 0 and 4.
        const down = side === "left" ? register % 2 : 0;
        const further = side === "left" ? Math.floor(register / 2) : register;
        const line = add(multiply(i, constant(width)), constant(8 * down));
        const point = constant(step * 8 + 4 * further);
        const number = load(place(buffer, add(start, this.#index(line, point))), f32);
        this.#builder.emit({
          kind: "invoke",
          function: roundToTf32,
          args: [address(this.#buffer, add(to.index, constant(register))), number],
        });
      }
    });
  }

  /** An element of a panel. */
  #index(line: Expression, point: Expression): Expression {
    const { lines, stride } = this.#options.panel;
    return lines === "depth"
      ? add(multiply(line, constant(stride)), point)
      : add(multiply(point, constant(stride)), line);
  }
}

function address(buffer: string, index: Expression): Argument {
  return { kind: "address", place: place(buffer, index) };
}

/** What is written once and repeated by the target's compiler, so that the places are literals. */
function unrolled(
  builder: KernelBuilder,
  hint: string,
  count: number,
  body: (i: Expression) => void,
): void {
  if (count === 1) {
    body(constant(0));
    return;
  }
  builder.loop(hint, constant(0), constant(count), body, 1, "unrolled");
}
