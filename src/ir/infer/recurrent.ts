import { intAttribute, stringAttribute } from '../attribute.ts'
import type { Dim } from '../model.ts'
import { dtypeOf, type Rule, type Rules, shapeOf, tensor } from './call.ts'

/** RNN, GRU and LSTM: the whole sequence, then the last states. `layout` 1 puts the batch first. */
export const recurrent =
  (states: number): Rule =>
  (call) => {
    const x = shapeOf(call, 0)
    const dtype = dtypeOf(call, 0)
    const batchFirst = intAttribute(call.node, 'layout', 0) === 1
    const [length, batch]: readonly Dim[] = batchFirst
      ? [x?.[1] ?? null, x?.[0] ?? null]
      : [x?.[0] ?? null, x?.[1] ?? null]
    const directions = stringAttribute(call.node, 'direction', 'forward') === 'bidirectional' ? 2 : 1
    const stated = intAttribute(call.node, 'hidden_size', 0)
    const hidden: Dim = stated > 0 ? stated : (shapeOf(call, 2)?.[2] ?? null)
    const all = batchFirst ? [batch!, length!, directions, hidden] : [length!, directions, batch!, hidden]
    const last = batchFirst ? [batch!, directions, hidden] : [directions, batch!, hidden]
    return [tensor(dtype, all), ...Array.from({ length: states }, () => tensor(dtype, last))]
  }

export const recurrentRules: Rules = { RNN: recurrent(1), GRU: recurrent(1), LSTM: recurrent(2) }
