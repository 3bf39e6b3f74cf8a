import { expect, test } from 'vitest'
import { BROADCASTING, UNARY } from '../src/ir/index.ts'
import { passes } from '../src/passes/index.ts'
import type { Pass } from '../src/rewrite/index.ts'
import { modelWith } from './quantize-kit.ts'
import { opsOf, rewriteEqually, rewriteWith } from './rewrite-kit.ts'

const pass = (id: string) => passes[id] as unknown as Pass

/** Of truths or integers, of a later operator set, or to another type. */
const OTHERS = 'BitwiseNot Cast IsInf IsNaN Not Swish BitShift BitwiseAnd BitwiseOr BitwiseXor And Or Xor Where'.split(
  ' ',
)
const OF_FLOATS = [...UNARY].filter((name) => !OTHERS.includes(name))

test.each(OF_FLOATS)('transposes around %s cancel', async (name) => {
  const body = `h = Transpose<perm = [1, 0, 2]>(x) f = ${name}(h) y = Transpose<perm = [1, 0, 2]>(f)`
  const { ops } = await rewriteEqually(
    pass('cancelTransposes'),
    modelWith(`g (float[2,3,4] x) => (float y) { ${body} }`, {}),
  )
  expect(ops).toEqual([name])
})

test.each(OF_FLOATS)('a picture that grows in front of %s grows behind it', async (name) => {
  const body = `twice = Constant<value_floats = [1.0, 1.0, 2.0, 2.0]>() r = Resize(x, , twice) y = ${name}(r)`
  const { ops } = await rewriteEqually(
    pass('resizeBehindConv'),
    modelWith(`g (float[2,4,5,6] x) => (float y) { ${body} }`, {}),
  )
  expect(ops).toEqual(['Constant', name, 'Resize'])
})

test('what makes another type of a picture stays behind it', async () => {
  const body =
    'twice = Constant<value_floats = [1.0, 1.0, 2.0, 2.0]>() r = Resize(x, , twice) c = Cast<to = 10>(r) y = Cast<to = 1>(c)'
  const { report } = await rewriteWith(
    pass('resizeBehindConv'),
    modelWith(`g (float[2,4,5,6] x) => (float y) { ${body} }`, {}),
  )
  expect(report.applied).toBe(0)
})

test.each(OF_FLOATS)('%s over lines goes over pictures', async (name) => {
  const body = `c = Conv(x, w) f = ${name}(c) y = Conv(f, v)`
  const built = modelWith(`g (float[1,4,40] x) => (float y) { ${body} }`, { w: [4, 4, 3], v: [4, 4, 3] })
  const { after } = await rewriteEqually(pass('linesAsPictures'), built)
  const made = opsOf((await pass('eliminateDeadCode').run(after, {}, [])).model)
  expect(made).toEqual(['Unsqueeze', 'Conv', name, 'Conv', 'Squeeze'])
})

test.each([...BROADCASTING].filter((name) => !OTHERS.includes(name)))(
  '%s repeats what is short by itself',
  async (name) => {
    const body = `sizes = Constant<value_ints = [2, 3, 4]>() e = Expand(n, sizes) z = ${name}(x, e) y = Cast<to = 1>(z)`
    const built = modelWith(`g (float[2,3,4] x, float[2,3,1] n) => (float y) { ${body} }`, {})
    const { ops } = await rewriteEqually(pass('dropExpand'), built)
    expect(ops).not.toContain('Expand')
  },
)

/** Channels that are filled up are made of zeros: what gives no number there is none that they go through. */
test.each([
  ['Erf', true],
  ['Exp', true],
  ['Sin', true],
  ['HardSwish', true],
  ['Log', false],
  ['Reciprocal', false],
] as const)('channels are filled through %s: %s', async (name, fills) => {
  const body = `c = Conv(x, w) f = ${name}(c) y = Conv(f, v)`
  const built = modelWith(`g (float[1,16,6,6] x) => (float y) { ${body} }`, { w: [12, 16, 1, 1], v: [16, 12, 1, 1] })
  const { report } = fills
    ? await rewriteEqually(pass('fillChannelBlocks'), built)
    : await rewriteWith(pass('fillChannelBlocks'), built)
  expect(report.applied).toBe(fills ? 1 : 0)
})
