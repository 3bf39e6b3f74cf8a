import { operatorName } from '../../../ir/index.ts'
import type { Unit } from '../units/unit.ts'
import type { UnitCost } from './kernel-costs.ts'

/** Nanoseconds of a kernel between two others that only moves or converts: its call, and an element. */
const MOVE = { call: 2000, layout: 0.09, quantize: 0.12, dequantize: 0.44 } as const

/** Which way a value crosses the border between float and integers. */
export type Crossing = 'to integers' | 'to float'

/** Calls of a crossing: of the conversion, and in a picture of the two that change its layout on either side. */
export const crossingCalls = (picture: boolean): number => (picture ? 3 : 1) * MOVE.call

/**
 * What a crossing costs by formulas, in nanoseconds. Pictures of floats lie in blocks of channels, and of codes channels
 * last, so a conversion, which takes plain order, has a change of layout on either side; bytes take half of the time.
 */
export const crossingCost = (elements: number, picture: boolean, way: Crossing): number =>
  crossingCalls(picture) +
  elements * ((way === 'to integers' ? MOVE.quantize : MOVE.dequantize) + (picture ? 1.5 * MOVE.layout : 0))

/** A value beside a unit: its elements, and whether a convolution makes or reads it on the other side, in blocks. */
export interface Neighbour {
  readonly elements: number
  readonly blocks: boolean
}

/** Operators that blocks of channels have no float kernel for, though a convolution stands on both sides of them. */
const PLAIN: ReadonlySet<string> = new Set(['Split', 'Gather', 'Slice', 'Pad', 'Transpose', 'Reshape'])

/**
 * What changes of layout around a unit cost by formulas: in float, where it works in plain order between convolutions,
 * and in integers, where it is moved along channels that lie last.
 *
 * @param brokenBlocks Whether it joins channels that fill no whole blocks, or multiplies them with a number each.
 */
export function layoutCost(unit: Unit, around: readonly Neighbour[], brokenBlocks: boolean): UnitCost {
  const moves = PLAIN.has(operatorName(unit.node))
  const changed = around.filter(({ blocks }) => blocks)
  const cost = (element: number) => changed.reduce((sum, { elements }) => sum + MOVE.call + elements * element, 0)
  return {
    float: moves || brokenBlocks ? cost(MOVE.layout) : 0,
    integer: moves ? cost(MOVE.layout / 2) : 0,
  }
}
