import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { float, int, ints, makeNode, type NodeOptions, string } from '../attribute.ts'
import type { DType } from '../dtype.ts'
import { fromNumbers, toFloat32, toNumbers } from '../numbers.ts'
import { type Tensor, tensorOf, tensorValues } from '../tensor.ts'
import { evaluatedOperators, evaluateNode } from './index.ts'

const OPSET = 21
type Given = Tensor | undefined

function run(
  opType: string,
  inputs: readonly Given[],
  options: NodeOptions & { outputs?: number; opset?: number } = {},
) {
  const outputs = Array.from({ length: options.outputs ?? 1 }, (_, i) => `y${i}`)
  const node = makeNode(
    opType,
    inputs.map((value, i) => (value ? `x${i}` : '')),
    outputs,
    options,
  )
  return evaluateNode(node, inputs, { opset: options.opset ?? OPSET })
}

const one = (...args: Parameters<typeof run>): Tensor => {
  const result = run(...args)
  if (!result) throw new Error('no result')
  return result[0]!
}
const f32 = (dims: readonly number[], values: readonly number[]) => tensorOf('float32', dims, values)
const i64 = (values: readonly number[], dims: readonly number[] = [values.length]) => tensorOf('int64', dims, values)
const numbers = (tensor: Tensor) => Array.from(toNumbers(tensor))
const bigInts = (tensor: Tensor) => [...tensorValues(tensor)]
const typed = (dtype: DType, values: readonly number[]) => fromNumbers(dtype, [values.length], values)

describe('evaluateNode', () => {
  test('gives tensors named after the outputs, of the right dtype and dims', () => {
    const result = run('Add', [f32([2, 1], [1, 2]), f32([3], [10, 20, 30])])!
    expect(result).toHaveLength(1)
    expect(result[0]).toMatchObject({ name: 'y0', dtype: 'float32', dims: [2, 3] })
    expect(numbers(result[0]!)).toEqual([11, 21, 31, 12, 22, 32])
  })

  test('null where there is no value: unknown operators, random ones, nested graphs, sequences, inputs that do not fit', () => {
    const x = f32([2], [1, 2])
    expect(run('Magic', [x])).toBeNull()
    expect(run('constructor', [x])).toBeNull()
    expect(run('RandomNormalLike', [x])).toBeNull()
    expect(run('Multinomial', [x])).toBeNull()
    expect(run('Dropout', [x, f32([], [0.5]), tensorOf('bool', [], [1])])).toBeNull()
    expect(run('SequenceConstruct', [x])).toBeNull()
    expect(run('Add', [x, f32([3], [1, 2, 3])])).toBeNull()
    expect(run('Add', [x, undefined])).toBeNull()
    expect(run('Reshape', [x, i64([3])])).toBeNull()
    expect(run('Gather', [x, i64([2])])).toBeNull()
    expect(run('MatMul', [x, f32([3], [1, 2, 3])])).toBeNull()
    expect(run('Slice', [x, i64([0]), i64([2]), i64([0]), i64([0])])).toBeNull()
    expect(run('Conv', [f32([1, 1, 1, 1], [1]), f32([1, 1, 3, 3], new Array(9).fill(1))])).toBeNull()
  })

  test('does not write to its inputs', () => {
    const x = f32([3], [-1, 2, -3])
    for (const op of ['Relu', 'Softmax', 'CumSum', 'Identity', 'ReduceSum'])
      run(op, [x, op === 'CumSum' ? i64([0], []) : undefined])
    expect(numbers(x)).toEqual([-1, 2, -3])
  })

  test('rounds each result once to its dtype, or keeps float64 on request', () => {
    const big = f32([1], [16777216])
    expect(numbers(one('Add', [big, f32([1], [1])]))).toEqual([16777216])
    const node = makeNode('Add', ['a', 'b'], ['y'])
    const wide = evaluateNode(node, [big, f32([1], [1])], { opset: OPSET, float64: true })![0]!
    expect(wide.dtype).toBe('float64')
    expect(numbers(wide)).toEqual([16777217])
    // The sum of three is rounded at the end only.
    expect(numbers(one('Sum', [big, f32([1], [1]), f32([1], [1])]))).toEqual([16777218])
    const half = one('Add', [typed('float16', [2048]), typed('float16', [1])])
    expect([half.dtype, numbers(half)]).toEqual(['float16', [2048]])
  })
})

describe('integers', () => {
  test('64-bit ones are exact', () => {
    const a = fromNumbers('int64', [2], [9007199254740993n, -7n])
    expect(bigInts(one('Add', [a, i64([2])]))).toEqual([9007199254740995n, -5n])
    expect(bigInts(one('Mul', [a, a]))[0]).toBe(BigInt.asIntN(64, 9007199254740993n ** 2n))
    expect(bigInts(one('Div', [a, i64([2])]))).toEqual([4503599627370496n, -3n])
    expect(bigInts(one('Mod', [a, i64([4])]))).toEqual([1n, 1n])
    expect(bigInts(one('ReduceMax', [a], { attributes: { keepdims: int(0) } }))).toEqual([9007199254740993n])
  })
  test.each<[DType, string, number[], number[], number[]]>([
    ['int8', 'Add', [127, -128], [1, -1], [-128, 127]],
    ['uint8', 'Sub', [3], [5], [254]],
    ['int32', 'Mul', [65537], [65537], [131073]],
    ['uint32', 'Mul', [4294967295], [4294967295], [1]],
    ['int32', 'Mul', [-2147483647], [2147483647], [-1]],
    ['int32', 'Div', [-7, 7], [2, -2], [-3, -3]],
    ['int32', 'Div', [8, -8], [3, 3], [2, -2]],
    ['int16', 'Mod', [-7, 7], [3, -3], [2, -2]],
  ])('%s %s wraps, divides towards zero, takes the divisor’s sign', (dtype, op, a, b, want) => {
    expect(numbers(one(op, [typed(dtype, a), typed(dtype, b)]))).toEqual(want)
  })
})

describe('cast', () => {
  const cast = (x: Tensor, to: number, saturate = 1) =>
    one('Cast', [x], { attributes: { to: int(to), saturate: int(saturate) } })
  test('floats drop their fraction, bool is not zero', () => {
    expect(numbers(cast(f32([4], [1.9, -1.9, 0.5, 300]), 6))).toEqual([1, -1, 0, 300])
    expect(numbers(cast(f32([3], [0.1, 0, Number.NaN]), 9))).toEqual([1, 0, 1])
    expect(numbers(cast(typed('int32', [300, -1]), 2))).toEqual([44, 255])
    expect(bigInts(cast(f32([1], [-2.5]), 7))).toEqual([-2n])
  })
  test('what processors make of floats beyond an integer type is no constant', () => {
    const f64 = (...x: number[]) => typed('float64', x)
    const none = (x: Tensor, to: number) => run('Cast', [x], { attributes: { to: int(to) } })
    for (const beyond of [1e10, -3e9, 2 ** 31, Number.POSITIVE_INFINITY, Number.NaN])
      expect(none(f64(beyond), 6)).toBeNull()
    for (const beyond of [1e20, 2 ** 63, Number.NEGATIVE_INFINITY]) expect(none(f64(beyond), 7)).toBeNull()
    for (const beyond of [-1, 256]) expect(none(f64(beyond), 2)).toBeNull()
    expect(numbers(cast(f64(2 ** 31 - 1, -(2 ** 31), -0.9), 6))).toEqual([2 ** 31 - 1, -(2 ** 31), 0])
    expect(bigInts(cast(f64(-(2 ** 63), 1e18), 7))).toEqual([-(2n ** 63n), 10n ** 18n])
    expect(numbers(cast(f64(255.9, -0.9), 2))).toEqual([255, 0])
    expect(run('Pow', [i64([2, 3]), i64([62, 34])])).toBeNull()
    expect(run('Pow', [typed('int32', [2]), typed('int32', [31])])).toBeNull()
    expect(bigInts(one('Pow', [i64([2, -3]), i64([53, 33])]))).toEqual([2n ** 53n, (-3n) ** 33n])
  })
  test('float8 saturates unless told otherwise; int4 rounds and saturates', () => {
    expect(numbers(cast(f32([2], [1e6, -1e6]), 17))).toEqual([448, -448])
    expect(numbers(cast(f32([1], [1e6]), 17, 0))).toEqual([Number.NaN])
    expect(numbers(cast(f32([1], [1e6]), 19, 0))).toEqual([Number.POSITIVE_INFINITY])
    expect(numbers(cast(f32([4], [-20, -1.5, 2.5, 20]), 22))).toEqual([-8, -2, 2, 7])
  })
  test('strings', () => {
    const text = cast(f32([4], [0.1, 1, Number.NaN, Number.NEGATIVE_INFINITY]), 8)
    if (text.data.form !== 'strings') throw new Error('no strings')
    expect(text.data.values.map((bytes) => new TextDecoder().decode(bytes))).toEqual(['0.1', '1', 'NaN', '-INF'])
    expect(numbers(cast(text, 1))).toEqual([Math.fround(0.1), 1, Number.NaN, Number.NEGATIVE_INFINITY])
  })
})

describe('forms of older operator sets', () => {
  const x = f32([1, 2, 1], [3, 4])
  test.each<[string, number, Given[], NodeOptions['attributes'], number[]]>([
    ['Squeeze', 11, [x], { axes: ints([0]) }, [2, 1]],
    ['Squeeze', 13, [x, i64([-1])], {}, [1, 2]],
    ['Squeeze', 13, [x], {}, [2]],
    ['Unsqueeze', 11, [x], { axes: ints([0, 4]) }, [1, 1, 2, 1, 1]],
    ['Unsqueeze', 13, [x, i64([-1, 0])], {}, [1, 1, 2, 1, 1]],
    ['ReduceSum', 11, [x], { axes: ints([1]) }, [1, 1, 1]],
    ['ReduceSum', 13, [x, i64([1])], { keepdims: int(0) }, [1, 1]],
    ['ReduceMean', 18, [x, i64([])], { noop_with_empty_axes: int(1) }, [1, 2, 1]],
    ['ReduceMean', 17, [x], { axes: ints([0, 1, 2]) }, [1, 1, 1]],
    ['Reshape', 5, [x, i64([0, -1])], {}, [1, 2]],
    ['Flatten', 13, [x], { axis: int(-1) }, [2, 1]],
    ['Pad', 2, [x], { pads: ints([0, 1, 0, 0, 0, 2]) }, [1, 3, 3]],
    ['Pad', 18, [x, i64([1, 2]), undefined, i64([1])], {}, [1, 5, 1]],
    ['Slice', 9, [x], { starts: ints([0]), ends: ints([1]), axes: ints([1]) }, [1, 1, 1]],
    ['Slice', 13, [x, i64([-1]), i64([Number.MIN_SAFE_INTEGER]), i64([1]), i64([-1])], {}, [1, 2, 1]],
  ])('%s in opset %i', (op, opset, inputs, attributes, dims) => {
    expect(one(op, inputs, { opset, attributes: attributes ?? {} }).dims).toEqual(dims)
  })

  test('Softmax flattened everything from its axis on before opset 13', () => {
    const square = f32([1, 2, 2], [0, 0, 0, 0])
    expect(numbers(one('Softmax', [square], { opset: 11 }))).toEqual([0.25, 0.25, 0.25, 0.25])
    expect(numbers(one('Softmax', [square], { opset: 13 }))).toEqual([0.5, 0.5, 0.5, 0.5])
  })
  test('Clip had its bounds in attributes', () => {
    const values = f32([3], [-5, 0.5, 5])
    expect(numbers(one('Clip', [values], { opset: 6, attributes: { min: float(-1), max: float(1) } }))).toEqual([
      -1, 0.5, 1,
    ])
    expect(numbers(one('Clip', [values, undefined, f32([], [1])]))).toEqual([-5, 0.5, 1])
    expect(bigInts(one('Clip', [i64([-5, 5]), i64([0], [])]))).toEqual([0n, 5n])
  })
})

describe('hand-computed results', () => {
  test('sizes that scales give are those of float32, in which 10 · 1.3 is 13', () => {
    const grown = one('Resize', [f32([1, 1, 10, 1], new Array(10).fill(0)), undefined, f32([4], [1, 1, 1.3, 1])])
    expect(grown.dims).toEqual([1, 1, 13, 1])
  })
  test('the places in a scalar', () => {
    expect(one('NonZero', [f32([], [2])])).toMatchObject({ dims: [1, 1] })
    expect(one('NonZero', [f32([], [0])])).toMatchObject({ dims: [1, 0] })
  })
  test('quantize: ties to even, both ends, per axis, and back', () => {
    const scale = f32([], [2])
    const codes = one('QuantizeLinear', [f32([6], [1, 3, -1, -3, 400, -400]), scale, tensorOf('int8', [], [1])])
    expect([codes.dtype, numbers(codes)]).toEqual(['int8', [1, 3, 1, -1, 127, -128]])
    const rows = one('QuantizeLinear', [f32([2, 2], [1, 2, 3, 4]), f32([2], [1, 2]), typed('uint8', [0, 10])], {
      attributes: { axis: int(0) },
    })
    expect(numbers(rows)).toEqual([1, 2, 12, 12])
    const back = one('DequantizeLinear', [rows, f32([2], [1, 2]), typed('uint8', [0, 10])], {
      attributes: { axis: int(0) },
    })
    expect(numbers(back)).toEqual([1, 2, 4, 4])
  })
  test.each<[string, Given[], number[]]>([
    ['Gemm', [f32([1, 1], [2]), f32([1, 1], [3]), f32([1], [10])], [16]],
    ['LeakyRelu', [f32([2], [-2, 2])], [-0.02, 2]],
    ['ThresholdedRelu', [f32([3], [0.5, 1, 1.5])], [0, 0, 1.5]],
    ['HardSigmoid', [f32([2], [0, 1])], [0.5, 0.7]],
    ['Elu', [f32([2], [-1, 2])], [1 / Math.E - 1, 2]],
    ['Celu', [f32([2], [-1, 2])], [1 / Math.E - 1, 2]],
    ['Mean', [f32([1], [1]), f32([1], [2]), f32([1], [6])], [3]],
    ['Softmax', [f32([2, 2], [0, Math.log(3), 0, 0])], [0.25, 0.75, 0.5, 0.5]],
    ['DequantizeLinear', [tensorOf('uint8', [2, 2], [1, 2, 3, 4]), f32([2], [1, 10])], [1, 20, 3, 40]],
    ['CumSum', [f32([3], [1, 2, 3]), i64([0], [])], [1, 3, 6]],
    ['TopK', [f32([3], [1, 3, 2]), i64([2])], [3, 2]],
  ])('%s with its attributes left out', (opType, inputs, expected) => {
    const outputs = opType === 'TopK' ? 2 : 1
    expect(numbers(one(opType, inputs, { outputs }))).toEqual(expected.map((value) => expect.closeTo(value, 6)))
  })

  test.each([
    ['Equal', [0, 1, 0]],
    ['Greater', [0, 0, 1]],
    ['GreaterOrEqual', [0, 1, 1]],
    ['Less', [1, 0, 0]],
    ['LessOrEqual', [1, 1, 0]],
  ])('%s of what is less, the same and more, also beyond 53 bits', (op, expected) => {
    expect(numbers(one(op, [f32([3], [1, 2, 2.5]), f32([3], [2, 2, 2])]))).toEqual(expected)
    const large = 2n ** 60n
    const whole = tensorOf('int64', [3], BigInt64Array.of(large - 1n, large, large + 1n))
    expect(numbers(one(op, [whole, tensorOf('int64', [1], BigInt64Array.of(large))]))).toEqual(expected)
  })

  test('whole numbers of 64 bits below zero', () => {
    const of = (op: string, values: readonly number[], ...more: (readonly number[])[]) =>
      bigInts(one(op, [i64(values), ...more.map((list) => i64(list))])).map(Number)
    expect(of('Abs', [-5, 0, 7])).toEqual([5, 0, 7])
    expect(of('Sign', [-5, 0, 7])).toEqual([-1, 0, 1])
    expect(of('Neg', [-5, 0, 7])).toEqual([5, -0, -7].map((value) => value + 0))
    // The rest has the sign of the divisor, quotients lose their fraction.
    expect(of('Mod', [-7, 7, -7, 7, 6], [3, -3, -3, 3, 3])).toEqual([2, -2, -1, 1, 0])
    expect(of('Div', [-7, 7, -7, 7], [3, -3, -3, 3])).toEqual([-2, -2, 2, 2])
    // 1 and −1 have inverses that are whole, others none.
    expect(of('Pow', [2, -2, 3, 1, -1, -1], [3, 3, -2, -5, -1, -2])).toEqual([8, -8, 0, 1, -1, 1])
    expect(of('Max', [1, 5], [3, 3], [-9, 9])).toEqual([3, 9])
    expect(of('Min', [1, 5], [3, 3], [-9, 9])).toEqual([-9, 3])
  })

  test('bits beyond those that there are', () => {
    const shift = (dtype: 'uint8' | 'uint64', direction: string, by: number) => {
      const x = dtype === 'uint8' ? typed('uint8', [200]) : tensorOf('uint64', [1], BigUint64Array.of(2n ** 63n + 1n))
      const y = dtype === 'uint8' ? typed('uint8', [by]) : tensorOf('uint64', [1], BigUint64Array.of(BigInt(by)))
      return BigInt(
        tensorValues(one('BitShift', [x, y], { attributes: { direction: string(direction) } }))[0] as bigint,
      )
    }
    expect([1, 7, 8, 9].map((by) => shift('uint8', 'LEFT', by))).toEqual([144n, 0n, 0n, 0n])
    expect([1, 7, 8, 9].map((by) => shift('uint8', 'RIGHT', by))).toEqual([100n, 1n, 0n, 0n])
    expect([1, 63, 64].map((by) => shift('uint64', 'LEFT', by))).toEqual([2n, 2n ** 63n, 0n])
    expect([1, 63, 64].map((by) => shift('uint64', 'RIGHT', by))).toEqual([2n ** 62n, 1n, 0n])
  })

  test('a slice takes its last step too, forwards and backwards', () => {
    const x = f32([5], [0, 1, 2, 3, 4])
    const slice = (from: number, to: number, step: number) =>
      numbers(one('Slice', [x, i64([from]), i64([to]), i64([0]), i64([step])]))
    expect(slice(0, 5, 2)).toEqual([0, 2, 4])
    expect(slice(0, 4, 3)).toEqual([0, 3])
    expect(slice(-1, -99, -2)).toEqual([4, 2, 0])
    expect(slice(3, 0, -2)).toEqual([3, 1])
    expect(slice(3, 3, 1)).toEqual([])
  })

  test('cumulative sums that leave out their own element, from either end', () => {
    const sums = (attributes: NonNullable<NodeOptions['attributes']>) =>
      numbers(one('CumSum', [f32([3], [1, 2, 3]), i64([0], [])], { attributes }))
    expect(sums({ exclusive: int(1) })).toEqual([0, 1, 3])
    expect(sums({ reverse: int(1) })).toEqual([6, 5, 3])
    expect(sums({ exclusive: int(1), reverse: int(1) })).toEqual([5, 3, 0])
  })

  test('blockwise dequantization of int4 with a scale a block', () => {
    const x = fromNumbers('int4', [2, 4], [-8, 7, 1, 2, 3, -4, 5, -6])
    const y = one('DequantizeLinear', [x, f32([2, 2], [1, 2, 3, 4])], {
      attributes: { axis: int(1), block_size: int(2) },
    })
    expect(numbers(y)).toEqual([-8, 7, 2, 4, 9, -12, 20, -24])
  })
  test('a convolution keeps NaN and infinity of its input even under zero weights', () => {
    const y = one('Conv', [f32([1, 1, 3], [1, Number.POSITIVE_INFINITY, 1]), f32([1, 1, 2], [0, 1])])
    expect(numbers(y)).toEqual([Number.POSITIVE_INFINITY, Number.NaN])
  })
  test('a grouped convolution with padding and stride', () => {
    const y = one(
      'Conv',
      [f32([1, 2, 4], [1, 2, 3, 4, 5, 6, 7, 8]), f32([2, 1, 3], [1, 1, 1, 1, 0, -1]), f32([2], [0, 10])],
      {
        attributes: { group: int(2), pads: ints([1, 1]), strides: ints([2]) },
      },
    )
    expect(y.dims).toEqual([1, 2, 2])
    expect(numbers(y)).toEqual([3, 9, 4, 8])
  })
  test('erf to the last bit of float32, gelu from it', () => {
    // Abramowitz & Stegun, table 7.1.
    const y = toFloat32(one('Erf', [f32([4], [0, 0.5, 1, 2])]))
    expect(Array.from(y)).toEqual([0, 0.5204998778, 0.8427007929, 0.995322265].map(Math.fround))
    const wide = one('Erf', [tensorOf('float64', [2], [0.3, 3.5])])
    expect(numbers(wide)[0]).toBeCloseTo(0.3286267594591274, 14)
    expect(numbers(wide)[1]).toBeCloseTo(0.9999992569016276, 14)
  })
  test('functions of numbers below zero, and of those whose exponential is none', () => {
    const of = (op: string, ...values: readonly number[]) => numbers(one(op, [f32([values.length], values)]))
    expect(of('Erf', -0.5, -7, 7, Number.NaN)).toEqual([Math.fround(-0.5204998778), -1, 1, Number.NaN])
    expect(of('Sigmoid', -1000, 0, 1000)).toEqual([0, 0.5, 1])
    expect(of('Softplus', -1000, 1000)).toEqual([0, 1000])
  })
  test('top k keeps the order of equal elements', () => {
    const [values, places] = run('TopK', [f32([5], [1, 3, 3, 2, 3]), i64([3])], { outputs: 2 })!
    expect([numbers(values!), numbers(places!)]).toEqual([
      [3, 3, 3],
      [1, 2, 4],
    ])
  })
  test('reductions over nothing', () => {
    const empty = f32([2, 0], [])
    const reduced = (op: string) => numbers(one(op, [empty, i64([1])], { attributes: { keepdims: int(0) } }))
    expect(reduced('ReduceSum')).toEqual([0, 0])
    expect(reduced('ReduceProd')).toEqual([1, 1])
    expect(reduced('ReduceMax')).toEqual([Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY])
  })
})

describe('properties', () => {
  const dims = fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 4 })
  test('transposing back, splitting and joining, padding and cutting give the same tensor', () => {
    fc.assert(
      fc.property(dims, fc.nat(), (shape, seed) => {
        const x = f32(
          shape,
          Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => ((i + 1) * (seed + 7)) % 101),
        )
        const order = shape.map((_, axis) => axis).sort((a, b) => ((a * 7 + seed) % 5) - ((b * 7 + seed) % 5))
        const back = order.map((_, axis) => order.indexOf(axis))
        const moved = one('Transpose', [x], { attributes: { perm: ints(order) } })
        expect(numbers(one('Transpose', [moved], { attributes: { perm: ints(back) } }))).toEqual(numbers(x))
        const axis = seed % shape.length
        const parts = run('Split', [x, i64([1, shape[axis]! - 1])], { attributes: { axis: int(axis) }, outputs: 2 })!
        expect(numbers(one('Concat', parts, { attributes: { axis: int(axis) } }))).toEqual(numbers(x))
        const pads = shape.map((_, i) => (i + seed) % 3)
        const grown = one('Pad', [x, i64([...pads, ...pads])])
        expect(numbers(one('Pad', [grown, i64([...pads, ...pads].map((pad) => -pad))]))).toEqual(numbers(x))
      }),
    )
  })
})

test('the table knows the operators that real models use', () => {
  expect(evaluatedOperators().length).toBeGreaterThan(230)
  for (const op of ['Conv', 'MatMul', 'Resize', 'com.microsoft.QLinearAdd', 'ai.onnx.ml.TreeEnsembleClassifier'])
    expect(evaluatedOperators()).toContain(op)
})
