/*
 * y = Op(x, w) in float64   ⇒   y = Cast<to = double>(Op(Cast<to = float>(x), w)) in float32
 * Every float64 value of the model becomes float32, with 24 bits of its 53: what training knows, and what most kernels
 * are made for (fusions and integer kernels know no other). Graph inputs and outputs keep their types, behind a Cast.
 * Illegal: functions of the model's own, whose bodies are not looked into; a constant that is an output; constants with
 * numbers that float32 takes for infinite or for 0.
 */
import { type DType, type Tensor, tensorValues } from '../../ir/index.ts'
import type { Pass } from '../../rewrite/index.ts'
import { inFloat32 } from './in-float32.ts'

const DOUBLE: ReadonlySet<DType> = new Set(['float64'])

export const narrowFloat64: Pass = {
  id: 'narrowFloat64',
  summary: 'float32 in place of float64 throughout: half as wide, and what is made for float32 knows no other',
  run: (model) => inFloat32('narrowFloat64', model, DOUBLE, fits),
}

const fits = (tensor: Tensor): boolean =>
  (tensorValues(tensor) as Float64Array).every((value) => {
    const near = Math.fround(value)
    return Number.isFinite(near) === Number.isFinite(value) && (near === 0) === (value === 0)
  })
