import { expect, test } from 'vitest'
import { int, makeNode, type NodeOptions, string } from './attribute.ts'
import type { DType } from './dtype.ts'
import { BROADCASTING, ELEMENTWISE, UNARY } from './elementwise-operators.ts'
import { evaluateNode } from './evaluate/index.ts'
import { fromNumbers, toNumbers } from './numbers.ts'

const DTYPES: Readonly<Record<string, DType>> = {
  ...Object.fromEntries(['And', 'Not', 'Or', 'Xor'].map((name) => [name, 'bool'])),
  ...Object.fromEntries(
    ['BitShift', 'BitwiseAnd', 'BitwiseNot', 'BitwiseOr', 'BitwiseXor'].map((name) => [name, 'uint8']),
  ),
}
const ATTRIBUTES: Readonly<Record<string, NodeOptions['attributes']>> = {
  BitShift: { direction: string('LEFT') },
  Cast: { to: int(7) },
  Mod: { fmod: int(1) },
}
const VALUES: Readonly<Record<string, readonly number[]>> = {
  bool: [1, 0, 0, 1, 1, 0],
  uint8: [3, 0, 1, 2, 5, 4],
  float32: [-1.5, 0.25, 3, 0, -0.5, 0.75],
}
const OTHERS: Readonly<Record<string, readonly number[]>> = { bool: [0, 1, 1], uint8: [2, 1, 3], float32: [2, -1, 0.5] }

const nodeOf = (name: string) => {
  const [opType, domain] = [name.split('.').at(-1)!, name.split('.').slice(0, -1).join('.')]
  return makeNode(opType, [], ['y'], { domain, attributes: ATTRIBUTES[name] ?? {} })
}
const dtypeOf = (name: string): DType => DTYPES[name] ?? 'float32'
const run = (name: string, inputs: Parameters<typeof evaluateNode>[1]) => {
  const made = evaluateNode(nodeOf(name), inputs, { opset: 18 })
  expect(made, `${name} has no value`).not.toBeNull()
  return { dims: made![0]!.dims, numbers: [...toNumbers(made![0]!)] }
}

test.each([...UNARY])('%s makes each number of the one in its place', (name) => {
  const dtype = dtypeOf(name)
  const values = VALUES[dtype]!
  const whole = run(name, [fromNumbers(dtype, [2, 3], values)])
  expect(whole.dims).toEqual([2, 3])
  expect(whole.numbers).toEqual(values.map((value) => run(name, [fromNumbers(dtype, [], [value])]).numbers[0]))
})

const repeated = [...ELEMENTWISE].filter((name) => !UNARY.has(name))

test.each(repeated)('%s repeats its second input', (name) => {
  const dtype = dtypeOf(name)
  const [values, others] = [VALUES[dtype]!, OTHERS[dtype]!]
  const first = name === 'Where' ? [fromNumbers('bool', [2, 3], VALUES.bool!)] : []
  const long = fromNumbers(dtype, [2, 3], values)
  const [short, written] = [fromNumbers(dtype, [3], others), fromNumbers(dtype, [2, 3], [...others, ...others])]
  expect(run(name, [...first, long, short])).toEqual(run(name, [...first, long, written]))
  if (BROADCASTING.has(name)) expect(run(name, [...first, short, long])).toEqual(run(name, [...first, written, long]))
})
