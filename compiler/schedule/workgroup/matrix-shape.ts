/** What a product on matrix units is cut into: tiles, blocks of subgroups, and panels in shared memory. */

import type { TiledContraction } from "../../optimize/fusion/tiled-contraction.ts";
import type { MatrixUnits, TargetDescription } from "../../optimize/target-description.ts";

/** Rows and columns that one instruction multiplies; points of the sum follow from the operands' type. */
export const unitRows = 16;
export const unitColumns = 8;

export interface MatrixTile {
  /** Rows and columns of a subgroup: multiples of those of the unit, powers of two. */
  readonly rows: number;
  readonly columns: number;
  /** Subgroups along the rows and along the columns of the tile; powers of two. */
  readonly down: number;
  readonly across: number;
  /** Points of the sum in a panel. */
  readonly depth: number;
}

/** How an operand's panel lies in shared memory, and how it gets there. */
export interface MatrixPanel {
  /** Rows (or columns) of the tile. */
  readonly width: number;
  readonly depth: number;
  /** What runs through memory and so along the lines of the panel: its width, or points of the sum. */
  readonly lines: "width" | "depth";
  /** Elements from line to line: so many that eight lines are in different banks. */
  readonly stride: number;
  /** Elements that are copied together, and bytes of each in memory. */
  readonly run: number;
  readonly memoryBytes: number;
  /** Whether the machine copies them; else they pass through registers, where they are converted. */
  readonly isAsync: boolean;
}

export interface MatrixPlan {
  readonly contraction: TiledContraction;
  readonly operands: MatrixUnits["operands"];
  /** Of elements in shared memory. */
  readonly dtype: "f32" | "f16" | "bf16";
  readonly tile: MatrixTile;
  /** Panels of either operand in shared memory at once. */
  readonly stages: number;
  readonly threads: number;
  readonly left: MatrixPanel;
  readonly right: MatrixPanel;
}

/** A target whose units are told what to multiply by one subgroup. */
export interface MatrixTarget extends TargetDescription {
  readonly workgroup: NonNullable<TargetDescription["workgroup"]> & {
    readonly matrix: MatrixUnits;
  };
}

/** Points of the sum that one instruction multiplies. */
export function unitDepth(operands: MatrixUnits["operands"]): number {
  return operands === "tf32" ? 8 : 16;
}

/** Elements of a panel in shared memory. */
export function matrixPanelElements({ width, depth, lines, stride }: MatrixPanel): number {
  return (lines === "width" ? depth : width) * stride;
}
