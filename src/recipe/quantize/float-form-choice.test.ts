import { expect, test } from 'vitest'
import { modelWith } from '../../../tests/quantize-kit.ts'
import { FILL_BLOCKS, LAYOUT_REPAIRS } from '../../passes/index.ts'
import type { Scheme, Target } from '../../report/index.ts'
import { BLOCK } from '../../rewrite/index.ts'
import { passById, recipeOf, startTrail } from '../trail.ts'
import { filledWherePays, forScheme } from './float-form-choice.ts'
import { layoutSteps } from './layout-steps.ts'

/** Two halves of broken blocks that are joined, and one value of broken blocks beside them. */
const joined = modelWith(
  `g (float[1,3,6,5] x) => (float y, float z) {
     a = Conv(x, w) b = Conv(x, w) j = Concat<axis = 1>(a, b) y = Conv(j, v) c = Conv(x, w) z = Conv(c, u) }`,
  { w: [12, 3, 1, 1], v: [5, 24, 1, 1], u: [5, 12, 1, 1] },
)

/** Which forms were timed, and how many channels the last convolution and the one behind the joint read then. */
async function chosenBy(times: Readonly<Record<string, number>> | null) {
  const asked: string[] = []
  const { trail } = await filledWherePays(
    startTrail(joined),
    async (forms) => {
      asked.push(...forms.map(({ id }) => id))
      return times && forms.map(({ id }) => times[id]!)
    },
    BLOCK,
  )
  const reads = (output: string) => {
    const conv = trail.model.graph.nodes.find(({ outputs }) => outputs[0] === output)!
    return trail.model.graph.initializers.get(conv.inputs[1]!)!.dims[1]
  }
  return { asked, channels: [reads('z'), reads('y')] }
}

test.each([
  ['none', { plain: 1, filled: 0.995, joined: 1.2 }, [12, 24]],
  ['up to joints', { plain: 1, filled: 0.9, joined: 0.95 }, [16, 24]],
  ['through joints', { plain: 1, filled: 1.1, joined: 0.9 }, [16, 32]],
  ['none, where there is no time', null, [12, 24]],
] as const)('whole blocks where they were measured to pay: %s', async (_, times, channels) => {
  expect(await chosenBy(times)).toEqual({ asked: ['plain', 'filled', 'joined'], channels })
})

test('a form that is there already is not timed twice', async () => {
  const asked: string[] = []
  const model = modelWith('g (float[1,3,6,5] x) => (float y) { a = Conv(x, w) y = Conv(a, v) }', {
    w: [12, 3, 1, 1],
    v: [5, 12, 1, 1],
  })
  await filledWherePays(
    startTrail(model),
    async (forms) => {
      asked.push(...forms.map(({ id }) => id))
      return null
    },
    BLOCK,
  )
  expect(asked).toEqual(['plain', 'filled'])
})

test('what integers are made of has whole blocks where single channels are convolved; the web gains nothing by it', async () => {
  const alone = modelWith(
    `g (float[1,3,6,5] x) => (float y) {
       a = Conv(x, w) d = Conv<group = 24, pads = [1, 1, 1, 1]>(a, dw) y = Conv(d, v) }`,
    { w: [24, 3, 1, 1], dw: [24, 1, 3, 3], v: [5, 24, 1, 1] },
  )
  const channels = async (target: 'native' | 'portable' | 'web') => {
    const { graph } = (await forScheme(startTrail(alone), 'static-int8', target)).model
    return graph.nodes.map(({ inputs }) => graph.initializers.get(inputs[1]!)!.dims[0])
  }
  expect(await channels('native')).toEqual([32, 32, 5])
  expect(await channels('portable')).toEqual([32, 32, 5])
  expect(await channels('web')).toEqual([24, 24, 5])
})

test.each([
  [8, 24, { block: 8 }],
  [16, 32, {}],
] as const)('blocks of %i channels: 20 are filled to %i, and the recipe says so', async (block, channels, options) => {
  const model = modelWith('g (float[1,3,6,5] x) => (float y) { a = Conv(x, w) y = Conv(a, v) }', {
    w: [20, 3, 1, 1],
    v: [5, 20, 1, 1],
  })
  const { trail: filled } = await filledWherePays(startTrail(model), async () => [1, 0.5], block)
  const { graph } = filled.model
  expect(graph.initializers.get(graph.nodes[0]!.inputs[1]!)!.dims[0]).toBe(channels)
  expect(recipeOf(filled).steps[0]).toMatchObject({ pass: 'fillChannelBlocks', options })
})

test('what knows of blocks is told what they are, the rest takes no options', async () => {
  const passes = ['linesAsPictures', 'shiftInBlocks']
  expect(layoutSteps(passes, 16)).toEqual(passes.map((pass) => ({ pass })))
  expect(layoutSteps(passes, 8)).toEqual([
    { pass: 'linesAsPictures' },
    { pass: 'shiftInBlocks', options: { block: 8 } },
  ])
  for (const { pass, options } of layoutSteps([...FILL_BLOCKS, ...LAYOUT_REPAIRS], 8)) {
    const taken = Object.keys((passById(pass).options?.json as { properties?: object } | undefined)?.properties ?? {})
    expect(taken.includes('block')).toBe(options !== undefined)
  }
})

test('the products of fused attention are in sight of schemes that code weights; float16 and other models stay as they are', async () => {
  const fused = startTrail(
    modelWith('g (float[N,6,32] x) => (float y) { y = com.microsoft.Attention<num_heads = 4>(x, w, b) }', {
      w: [32, 96],
      b: [96],
    }),
  )
  const forms = async (scheme: Scheme, trail = fused) =>
    (await forScheme(trail, scheme, 'native')).runs.map(({ id }) => id)
  expect(await forms('dynamic-int8')).toEqual(['partAttention'])
  expect(await forms('weight-int4')).toEqual(['partAttention'])
  expect((await forms('static-int8'))[0]).toBe('partAttention')
  expect(await forms('float16')).toEqual([])
  const plain = startTrail(modelWith('g (float[N,6,32] x) => (float y) { y = MatMul(x, w) }', { w: [32, 96] }))
  expect(await forms('dynamic-int8', plain)).toEqual([])
})

test('a table that lookups and a product share is in sight of products in integers; blocks of codes serve both by themselves', async () => {
  const tied = startTrail(
    modelWith('g (int64[3] i) => (float y) { e = Gather(t, i) w = Transpose<perm = [1,0]>(t) y = MatMul(e, w) }', {
      t: [200, 64],
    }),
  )
  const forms = async (scheme: Scheme) => (await forScheme(tied, scheme, 'native')).runs.map(({ id }) => id)
  expect(await forms('dynamic-int8')).toEqual(['turnTables'])
  expect((await forms('static-int8'))[0]).toBe('turnTables')
  expect(await forms('weight-int8')).toEqual([])
  expect(await forms('float16')).toEqual([])
})

test('a convolution that is a product of pixels is one for dynamic integers alone', async () => {
  const grown = startTrail(
    modelWith(
      'g (float[1,5,4,48] x) => (float y) { t = Transpose<perm = [0,3,1,2]>(x) y = ConvTranspose<strides = [2, 2]>(t, w) }',
      {
        w: [48, 32, 2, 2],
      },
    ),
  )
  const operators = async (scheme: Scheme, target: Target = 'native') =>
    (await forScheme(grown, scheme, target)).model.graph.nodes.map(({ opType }) => opType)
  // The Transpose that was there and the one that the product asks for undo each other.
  expect(await operators('dynamic-int8')).toEqual(['MatMul', 'Reshape', 'Transpose', 'Reshape', 'Transpose'])
  for (const scheme of ['static-int8', 'weight-int8'] as const)
    expect(await operators(scheme)).toContain('ConvTranspose')
  expect(await operators('dynamic-int8', 'web')).toContain('ConvTranspose')
})
