import { expect, test } from 'vitest'
import { float, int, ints, makeNode, string } from '../attribute.ts'
import type { DType } from '../dtype.ts'
import { fromNumbers } from '../numbers.ts'
import { elementCount, type Tensor } from '../tensor.ts'
import { evaluatedOperators, evaluateNode } from './index.ts'

const DTYPES: readonly DType[] = [
  'float32',
  'float32',
  'float32',
  'int64',
  'int64',
  'int32',
  'uint8',
  'int8',
  'bool',
  'float16',
]
const NAMES = [
  'axis',
  'axes',
  'perm',
  'keepdims',
  'kernel_shape',
  'pads',
  'strides',
  'group',
  'to',
  'mode',
  'blocksize',
  'hidden_size',
  'equation',
  'K',
  'N',
  'k',
  'size',
  'num_groups',
  'block_size',
  'output_height',
  'pooled_shape',
  'reduction',
  'layout',
  'direction',
  'nodes_modes',
  'num_outputs',
  'dilations',
  'activation',
]

/** Whatever a damaged model asks for, evaluation answers with tensors or null: it throws nothing and ends. */
test('no operator throws on inputs and attributes that make no sense', () => {
  let state = Number(process.env.ODD_SEED ?? 20240607)
  const below = (n: number) => (state = (state * 16807) % 2147483647) % n
  const tensor = (): Tensor => {
    const dims = Array.from({ length: below(5) }, () => below(4))
    const dtype = DTYPES[below(DTYPES.length)]!
    return fromNumbers(
      dtype,
      dims,
      Array.from({ length: elementCount(dims) }, () => below(7) - 2),
    )
  }
  const attribute = () =>
    [
      () => int(below(6) - 2),
      () => float(below(5) - 2),
      () => ints(Array.from({ length: below(5) }, () => below(5) - 1)),
      () => string(['linear', 'CRD', 'reflect', 'mean', 'ij,jk->ik', 'bidirectional', 'nonsense'][below(7)]!),
    ][below(4)]!()
  const broken: Record<string, string> = {}
  let answered = 0
  for (const name of evaluatedOperators()) {
    const dot = name.lastIndexOf('.')
    for (let round = 0; round < 60; round++) {
      const inputs = Array.from({ length: below(8) }, () => (below(8) === 0 ? undefined : tensor()))
      const attributes = Object.fromEntries(
        Array.from({ length: below(5) }, () => [NAMES[below(NAMES.length)]!, attribute()]),
      )
      const node = makeNode(
        name.slice(dot + 1),
        inputs.map((value, i) => (value ? `x${i}` : '')),
        ['a', 'b', 'c'].slice(0, 1 + below(3)),
        { domain: dot < 0 ? '' : name.slice(0, dot), attributes },
      )
      try {
        if (evaluateNode(node, inputs, { opset: 7 + below(17) })) answered++
      } catch (error) {
        broken[name] ??= `${(error as Error).stack?.split('\n').slice(0, 3).join(' | ')}`
      }
    }
  }
  expect(broken).toEqual({})
  expect(answered).toBeGreaterThan(1000)
})
