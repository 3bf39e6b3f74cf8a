/*
 * y = Op(x, w) in float16   ⇒   y = Cast<to = float16>(Op(Cast<to = float>(x), w)) in float32
 * Every float16 value of the model becomes float32, so that no value on the way is rounded to 11 bits, and so does every
 * bfloat16, with 8 of them; graph inputs and outputs keep their types, behind a Cast. Constants keep their values
 * exactly. Processors without arithmetic in float16 compute in float32 in any case, and pay for the way there and back
 * at each operator that stands alone; what is made for float32 (fusions, integer kernels) knows no float16.
 * Illegal: functions of the model's own, whose bodies are not looked into; a constant that is an output.
 * Source: IEEE 754 binary16.
 */
import type { DType } from '../../ir/index.ts'
import type { Pass } from '../../rewrite/index.ts'
import { inFloat32 } from './in-float32.ts'

/** Floating point of 16 bits. */
const HALVES: ReadonlySet<DType> = new Set(['float16', 'bfloat16'])

export const widenFloat16: Pass = {
  id: 'widenFloat16',
  summary: 'float32 in place of float16 and bfloat16 throughout: what processors compute in any case, and what fuses',
  run: (model) => inFloat32('widenFloat16', model, HALVES),
}
