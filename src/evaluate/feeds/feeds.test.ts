import { describe, expect, test } from 'vitest'
import type { Dataset, Rows } from '../../data/index.ts'
import { ortNode, type PortValue } from '../../engine/index.ts'
import { parseModel } from '../../ir/index.ts'
import { UserError } from '../../platform/index.ts'
import { castNotes, feedsOf, rowsPerRun } from './feeds.ts'
import { feasibleFeeds, randomFeeds } from './random-feeds.ts'

const port = (name: string, shape: PortValue['shape'], dtype: PortValue['dtype'] = 'float32'): PortValue => ({
  name,
  dtype,
  shape,
})
const dataset = (over: Partial<Dataset> = {}): Dataset => ({
  path: 'data.npz',
  fields: [],
  rows: 2,
  constants: {},
  domains: {},
  digest: async () => 'sha256:0',
  read: async function* () {},
  notes: [],
  skipped: [],
  ...over,
})
const rows = (columns: Rows['columns'], count = 2): Rows => ({
  indices: Array.from({ length: count }, (_, i) => i),
  columns,
})
const fieldX = (rowShape: number[]) => [{ name: 'x', role: 'input' as const, dtype: 'float32' as const, rowShape }]

describe('feedsOf', () => {
  test('takes columns, constants and states', () => {
    const feeds = feedsOf(
      rows({ input: { dtype: 'float64', dims: [2, 3], data: new Float64Array([1, 2, 3, 4, 5, 6]) } }),
      [port('input', ['b', 3]), port('sr', [], 'int64'), port('state', [2, 'b', 4])],
      dataset({ constants: { sr: { dtype: 'int32', dims: [1], data: new Int32Array([16000]) } } }),
    )
    expect(feeds.input).toEqual({ dtype: 'float32', dims: [2, 3], data: new Float32Array([1, 2, 3, 4, 5, 6]) })
    expect(feeds.sr).toEqual({ dtype: 'int64', dims: [], data: new BigInt64Array([16000n]) })
    expect(feeds.state!.dims).toEqual([2, 2, 4])
    expect([...(feeds.state!.data as Float32Array)]).toEqual(new Array(16).fill(0))
  })

  test('constants and starting values are repeated for every row, along each axis that the model names like the rows', () => {
    const constant = (dims: number[], ...values: number[]) => ({
      dtype: 'float32' as const,
      dims,
      data: Float32Array.from(values),
    })
    const { state, sr, hidden, same } = feedsOf(
      rows({ input: { dtype: 'float32', dims: [3, 1], data: new Float32Array(3) } }, 3),
      // Before the input that tells how many rows there are, too.
      [
        port('state', ['b', 2]),
        port('input', ['b', 1]),
        port('sr', ['b']),
        port('hidden', [2, 'b', 2]),
        port('same', ['k', 2]),
      ],
      dataset({
        constants: {
          state: constant([1, 2], 5, 6),
          sr: constant([], 7),
          hidden: constant([2, 1, 2], 1, 2, 3, 4),
          same: constant([1, 2], 8, 9),
        },
      }),
    )
    expect([state!.dims, ...(state!.data as Float32Array)]).toEqual([[3, 2], 5, 6, 5, 6, 5, 6])
    expect([sr!.dims, ...(sr!.data as Float32Array)]).toEqual([[3], 7, 7, 7])
    expect([hidden!.dims, ...(hidden!.data as Float32Array)]).toEqual([[2, 3, 2], 1, 2, 1, 2, 1, 2, 3, 4, 3, 4, 3, 4])
    expect([same!.dims, ...(same!.data as Float32Array)]).toEqual([[1, 2], 8, 9])
  })

  test('an empty cache has length zero, and other unknown sizes are asked for', () => {
    const ids = { input_ids: { dtype: 'int64' as const, dims: [1, 5], data: new BigInt64Array(5) } }
    const past = port('past_key_values.0.key', ['batch', 4, 'past_sequence', 8])
    const feeds = feedsOf(rows(ids, 1), [port('input_ids', ['batch', 'sequence'], 'int64'), past], dataset())
    expect(feeds['past_key_values.0.key']!.dims).toEqual([1, 4, 0, 8])
    const odd = port('hidden', ['batch', 'depth', 'width'])
    expect(() => feedsOf(rows(ids, 1), [odd], dataset())).toThrow(/starting value of "hidden" has an unknown size/)
  })

  test('one row fits a model without a row axis, and an extra axis of 1 is dropped', () => {
    const one = rows({ x: { dtype: 'float32', dims: [1, 2, 2], data: new Float32Array(4) } }, 1)
    expect(feedsOf(one, [port('x', [2, 2])], dataset()).x!.dims).toEqual([2, 2])
    const extra = rows({ x: { dtype: 'float32', dims: [2, 1, 4], data: new Float32Array(8) } })
    expect(feedsOf(extra, [port('x', ['n', 4])], dataset()).x!.dims).toEqual([2, 4])
  })

  test('a run that is refused names the file, its rows and what to look at', async () => {
    const session = await ortNode.open(
      parseModel(`<ir_version: 10, opset_import: ["" : 20]> g (int64[N] x) => (float[N] y)
        <float[3] table = {1, 2, 3}> { y = Gather(table, x) }`),
    )
    const codes: Rows = rows({ x: { dtype: 'int64', dims: [2], data: BigInt64Array.of(0n, 5n) } })
    const run = (read: Rows) => session.run(feedsOf(read, session.inputs, dataset()))
    const hint = expect.stringMatching(/a number beyond its table/)
    await expect(run(codes)).rejects.toMatchObject({ where: 'data.npz, 2 rows from 0 to 1', hint })
    await expect(run({ ...codes, places: [7, 9] })).rejects.toMatchObject({ where: 'data.npz, 2 rows from 7 to 9' })
    const drawn = randomFeeds(session.inputs, { largestIndex: 1000 })
    await expect(session.run(drawn)).rejects.toMatchObject({
      where: 'random inputs',
      hint: expect.stringMatching(/--data/),
    })
  })

  test('a Slice that the runtime made of a Range of lists is the fault of the graph, not of the rows', async () => {
    const session = await ortNode.open(
      parseModel(`<ir_version: 8, opset_import: ["" : 17]> g (int64[N,M] x) => (float[K,2] y)
        <int64[1] zero = {0}, int64[1] one = {1}, float[3,2] table = {1, 2, 3, 4, 5, 6}>
        { s = Shape(x) last = Gather(s, one) r = Range(zero, last, one) y = Gather(table, r) }`),
    )
    const read: Rows = rows({ x: { dtype: 'int64', dims: [1, 2], data: new BigInt64Array(2) } }, 1)
    const run = session.run(feedsOf(read, session.inputs, dataset()))
    await expect(run).rejects.toMatchObject({
      code: 'bad-model',
      hint: expect.stringMatching(/of a Range and a Gather/),
    })
    await session.close()
  })

  test('runs of a fixed number of rows are filled up with the last one; a row may be a whole run', () => {
    const run = (size: number) =>
      feedsOf(
        rows({ x: { dtype: 'float32', dims: [2, size], data: Float32Array.from({ length: 2 * size }, (_, i) => i) } }),
        [port('x', [4, 3])],
        dataset({ fields: [{ name: 'x', role: 'input', dtype: 'float32', rowShape: [size] }] }),
      )
    expect(run(3).x).toEqual({
      dtype: 'float32',
      dims: [4, 3],
      data: Float32Array.of(0, 1, 2, 3, 4, 5, 3, 4, 5, 3, 4, 5),
    })
    expect(() => run(2)).toThrow(/has rows of shape \[2\], and the model's input wants \[4,3\]/)
    const run8 = rows({ x: { dtype: 'float32', dims: [1, 8, 3], data: new Float32Array(24) } }, 1)
    expect(feedsOf(run8, [port('x', [8, 3])], dataset()).x!.dims).toEqual([8, 3])
  })

  test('a missing input names the nearest field', () => {
    const act = () =>
      feedsOf(
        rows({ imagez: { dtype: 'float32', dims: [2, 1], data: new Float32Array(2) } }),
        [port('images', null)],
        dataset({ fields: [{ name: 'imagez', role: 'input', dtype: 'float32', rowShape: [1] }] }),
      )
    expect(act).toThrow(UserError)
    try {
      act()
    } catch (error) {
      expect((error as UserError).code).toBe('bad-data')
      expect((error as UserError).where).toBe('data.npz')
      expect((error as UserError).hint).toMatch(/did you mean "imagez"/)
    }
  })

  test('what another input takes is no slip for a missing one, which may be the same in every row', () => {
    const x = { dtype: 'float32', dims: [2, 1], data: new Float32Array(2) } as const
    const fields = [{ name: 'x', role: 'input', dtype: 'float32', rowShape: [1] }] as const
    expect(() => feedsOf(rows({ x }), [port('x', ['n', 1]), port('w', [1, 4])], dataset({ fields }))).toThrow(
      expect.objectContaining({ hint: expect.stringMatching(/^the data has x; .*"constants" of a dataset\.json/) }),
    )
  })

  test('whole numbers are cast to fractions, as where the data set is told of the model, and that is noted', () => {
    const pixels = rows({ x: { dtype: 'uint8', dims: [2, 1], data: new Uint8Array([1, 255]) } })
    expect(feedsOf(pixels, [port('x', ['n', 1])], dataset()).x).toEqual({
      dtype: 'float32',
      dims: [2, 1],
      data: new Float32Array([1, 255]),
    })
    const fields = [{ name: 'x', role: 'input', dtype: 'uint8', rowShape: [1] }] as const
    expect(castNotes([port('x', ['n', 1])], dataset({ fields }))).toEqual([
      '"x" is stored as uint8 and cast to float32.',
    ])
    expect(castNotes([port('x', ['n', 1], 'uint8')], dataset({ fields }))).toEqual([])
    const switches = rows({ x: { dtype: 'int32', dims: [2], data: new Int32Array([1, 0]) } })
    expect(feedsOf(switches, [port('x', ['n'], 'bool')], dataset()).x!.data).toEqual(new Uint8Array([1, 0]))
    const two = rows({ x: { dtype: 'int32', dims: [2], data: new Int32Array([1, 2]) } })
    expect(() => feedsOf(two, [port('x', ['n'], 'bool')], dataset())).toThrow(/holds 2, which does not fit bool/)
  })

  test('refuses what would change the meaning: fractions for integers, values that do not fit, wrong shapes', () => {
    const fractions = rows({ x: { dtype: 'float32', dims: [2, 1], data: new Float32Array([1, 2]) } })
    expect(() => feedsOf(fractions, [port('x', ['n', 1], 'int64')], dataset())).toThrow(/holds float32.*wants int64/)
    const wide = rows({ x: { dtype: 'int64', dims: [2, 1], data: new BigInt64Array([1n, 300n]) } })
    expect(() => feedsOf(wide, [port('x', ['n', 1], 'uint8')], dataset())).toThrow(
      /holds 300, which does not fit uint8/,
    )
    expect(feedsOf(wide, [port('x', ['n', 1], 'int32')], dataset()).x!.data).toEqual(new Int32Array([1, 300]))
    const shape = rows({ x: { dtype: 'float32', dims: [2, 3], data: new Float32Array(6) } })
    expect(() => feedsOf(shape, [port('x', ['n', 4])], dataset())).toThrow(/rows of shape \[3\].*wants \[n,4\]/)
  })
})

test('rowsPerRun follows the first dimension', () => {
  expect(rowsPerRun([port('x', ['n', 4])], dataset({ fields: fieldX([4]) }), 32)).toBe(32)
  expect(rowsPerRun([port('x', [1, 4])], dataset({ fields: fieldX([4]) }), 32)).toBe(1)
  expect(rowsPerRun([port('x', [4])], dataset({ fields: fieldX([4]) }), 32)).toBe(1)
  const eight = [[port('x', [8, 4])], dataset({ fields: fieldX([4]) })] as const
  expect([rowsPerRun(...eight, 32), rowsPerRun(...eight, 3)]).toEqual([8, 3])
  expect(rowsPerRun([port('x', [8, 4])], dataset({ fields: fieldX([8, 4]) }), 32)).toBe(1)
})

test.each([
  ['first', 'y = Conv(x, w)', 1],
  ['last', 't = Transpose<perm: ints = [0,3,1,2]>(x)  y = Conv(t, w)', 3],
])('a picture whose every dimension is open is tried with colours, channels %s', async (_, body, axis) => {
  const model = parseModel(`<ir_version: 8, opset_import: ["" : 17]>
    g (float[n,a,b,c] x) => (float[n,d,e,f] y) <float[2,3,1,1] w = {1, 2, 3, 4, 5, 6}> { ${body} }`)
  const session = await ortNode.open(model)
  try {
    const { feeds, settings } = await feasibleFeeds(session)
    expect(feeds.x!.dims[axis]).toBe(3)
    expect(randomFeeds(session.inputs, { ...settings, seed: 1 }).x!.dims).toEqual(feeds.x!.dims)
  } finally {
    await session.close()
  }
})

test('sizes that are open in the inputs are those of the weights, and stay so for other seeds', async () => {
  const model = parseModel(`<ir_version: 8, opset_import: ["" : 17]>
    g (float[n,d] x) => (float[n,2] y) <float[3,2] w = {1, 2, 3, 4, 5, 6}> { y = MatMul(x, w) }`)
  const session = await ortNode.open(model)
  try {
    const { feeds, settings } = await feasibleFeeds(session, {}, model)
    expect(feeds.x!.dims).toEqual([2, 3])
    expect(randomFeeds(session.inputs, { ...settings, seed: 1 }).x!.dims).toEqual([2, 3])
    await expect(feasibleFeeds(session)).rejects.toMatchObject({ code: 'bad-argument' })
  } finally {
    await session.close()
  }
})

test('where the weights of a branch that is not taken settle another size, usual ones are tried', async () => {
  const model = parseModel(`<ir_version: 8, opset_import: ["" : 17]>
    g (float[n,d] x) => (float[n,e] y) <bool no = {0}, float[3,1] w = {1, 2, 3}>
    { y = If(no) <then_branch = t () => (float[n,e] a) { a = MatMul(x, w) },
                  else_branch = f () => (float[n,e] b) <float[16,1] v = {1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16}>
                                { b = MatMul(x, v) }> }`)
  const session = await ortNode.open(model)
  try {
    expect((await feasibleFeeds(session, {}, model)).feeds.x!.dims).toEqual([2, 16])
  } finally {
    await session.close()
  }
})

test('where the graph itself can never run, no rows are to be checked and no shapes to be named', async () => {
  // The runtime takes dilations beside auto_pad, and has no kernel for them.
  const model = parseModel(`<ir_version: 8, opset_import: ["" : 17]>
    g (float[1,1,8,8] x) => (float[1,1,8,8] y) <float[1,1,3,3] w = {1, 2, 3, 4, 5, 6, 7, 8, 9}>
    { y = Conv<auto_pad = "SAME_UPPER", dilations = [2,2]>(x, w) }`)
  const session = await ortNode.open(model)
  try {
    const column = { dtype: 'float32', dims: [1, 1, 8, 8], data: new Float32Array(64) } as const
    const feeds = feedsOf(rows({ x: column }, 1), session.inputs, dataset())
    const hint = expect.stringMatching(/^The graph asks for what this runtime does not have/)
    const dilated = { message: expect.stringContaining('Dilation not supported'), hint }
    await expect(session.run(feeds)).rejects.toMatchObject({ ...dilated, where: 'data.npz, row 0' })
    await expect(feasibleFeeds(session)).rejects.toMatchObject(dilated)
  } finally {
    await session.close()
  }
})
