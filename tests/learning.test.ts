import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { memoryDataset, openDataset, randomNumbers, splitRows } from '../src/data/index.ts'
import { ortNode } from '../src/engine/index.ts'
import { checkModel, type Model, tensorOf, tensorValues, toNumbers } from '../src/ir/index.ts'
import { modelDigest, oldestRuntime } from '../src/onnx/index.ts'
import { applyRecipe, attack, distil, passById, prune, quantize } from '../src/recipe/index.ts'
import type { DistillationReport, PruningReport } from '../src/report/index.ts'
import { renderTerminal } from '../src/view/index.ts'
import { reportIn } from './schema.ts'
import { attending, seeded } from './seeded-network.ts'

const open = (model: Model) => ortNode.open(model)
const settings = { open, timed: false, seed: 1, batch: 16, rate: 0.02, margin: 0.2 } as const
const folder = mkdtempSync(join(tmpdir(), 'whet-learning-'))

const teacher = seeded(
  `g (float[N,1,6,6] x) => (float[N,2] logits) <WEIGHTS>
   { a = Conv<pads: ints = [1,1,1,1]>(x, w0)  r = Relu(a)  b = Conv<pads: ints = [1,1,1,1]>(r, w1)  s = Relu(b)
     c = Conv<pads: ints = [1,1,1,1]>(s, w2)  d = Add(c, r)  p = GlobalAveragePool(d)  f = Flatten(p)
     logits = Gemm<transB: int = 1>(f, w3, b3) }`,
  { w0: [8, 1, 3, 3], w1: [8, 8, 3, 3], w2: [8, 8, 3, 3], w3: [2, 8], b3: [2] },
)

const random = randomNumbers(9)
const ROWS = 160
const x = Float32Array.from({ length: ROWS * 36 }, (_, i) => random() + (Math.floor(i / 36) % 2 ? 0.5 : -0.5))
const labels = BigInt64Array.from({ length: ROWS }, (_, row) => BigInt(row % 2))

const inputs = [{ name: 'x', dtype: 'float32', shape: ['N', 1, 6, 6] }] as const
const pictures = (rows = ROWS) => ({ dtype: 'float32', dims: [rows, 1, 6, 6], data: x.subarray(0, rows * 36) }) as const
const unlabelled = () => memoryDataset({ x: pictures() }, { inputs })
const labelled = (values: BigInt64Array = labels) =>
  memoryDataset({ x: pictures(), labels: { dtype: 'int64', dims: [ROWS], data: values } }, { inputs, label: 'labels' })

const shown = (report: PruningReport | DistillationReport) => renderTerminal(report, { color: false, width: 120 })

describe('a model that takes exactly so many rows at a time', () => {
  const shapes = { w0: [4, 1, 3, 3], w1: [144, 2] }
  const network = (rows: string) =>
    seeded(
      `g (float[${rows},1,6,6] x) => (float[${rows},2] logits) <WEIGHTS, int64[2] flat = {${Number(rows) || 1}, 144}, int64[2] open = {-1, 144}>
       { a = Conv<pads: ints = [1,1,1,1]>(x, w0)  r = Relu(a)  f = Reshape(r, ${rows === 'N' ? 'open' : 'flat'})
         logits = MatMul(f, w1) }`,
      shapes,
    )
  const taught = async (rows: string, more: object = {}) => {
    const one = network(rows)
    const { model, report } = await distil(one, await labelled(), { ...settings, student: one, epochs: 2, ...more })
    const weights = ['w0', 'w1'].map((name) => tensorValues(model.graph.initializers.get(name)!))
    return { model, report, weights }
  }

  test('without residual blocks, a student is told of by its channels alone', async () => {
    const { report } = await distil(network('N'), await labelled(), { ...settings, width: 0.5, epochs: 1 })
    expect(report.recipe).toBe('2 of 4 channels, the most important by taylor')
  })

  test('learns in the steps of the same model with an open batch, and takes as many rows still', async () => {
    const open = await taught('N')
    for (const rows of ['1', '5']) {
      const fixed = await taught(rows)
      expect(fixed.report.cost.steps).toBe(2 * (96 / 16))
      expect(fixed.weights).toEqual(open.weights)
      for (const figure of ['metric', 'macs'] as const)
        expect(fixed.report.student[figure]).toBe(open.report.student[figure])
      expect(fixed.model.graph.inputs[0]!.type).toMatchObject({ shape: [Number(rows), 1, 6, 6] })
    }
    const augmented = await taught('1', { augment: ['flip'] })
    expect(augmented.report.epochs.map(({ batch }) => batch)).toEqual([16, 16])
  })

  test.each(['taylor', 'activation'] as const)(
    'loses the channels that it would with an open batch: %s',
    async (importance) => {
      const cut = async (rows: string) => {
        const { model, report } = await prune(network(rows), await labelled(), {
          ...settings,
          macs: 0.5,
          importance,
          epochs: 0,
        })
        return [report.groups, tensorValues(model.graph.initializers.get('w0')!)]
      }
      expect(await cut('5')).toEqual(await cut('N'))
    },
  )

  test('is attacked as it would be with an open batch', async () => {
    const attacked = async (rows: string) => {
      const { byAttack, clean, robust, gradient } = await attack(network(rows), await labelled(), {
        open,
        attack: 'pgd',
        eps: 0.05,
        range: [-2, 2],
      })
      return { byAttack, clean, robust, gradient }
    }
    const [fixed, free] = [await attacked('5'), await attacked('N')]
    expect(fixed).toEqual(free)
    expect(fixed.gradient).toBe('exact')
    expect(fixed.clean.correct).toBeGreaterThan(fixed.robust.correct)
  })

  test('where rows cannot share a run, the rate is planned for steps of one row, and it is said', async () => {
    const one = seeded(
      `g (float[1,1,6,6] x) => (float[1,2] logits) <WEIGHTS> { c = Concat<axis: int = 2>(x, w0)
         f = Flatten(c)  logits = MatMul(f, w1) }`,
      { w0: [1, 1, 1, 6], w1: [42, 2] },
    )
    const { report } = await distil(one, await labelled(), { ...settings, student: one, epochs: 2 })
    expect(report.epochs.map(({ batch }) => batch)).toEqual([1, 1])
    expect(report.epochs[0]!.rate).toBeGreaterThan(report.epochs[1]!.rate)
    expect(report.epochs[0]!.rate).toBeGreaterThan(1e-3)
    expect(report.warnings).toContainEqual(expect.stringContaining('a step takes one row'))
  })
})

test('what makes a proof worth little is said: rows of one class, of which a student that knows no other passes', async () => {
  const alike = await labelled(labels.map(() => 1n))
  const { warnings } = (await prune(teacher, alike, { ...settings, epochs: 0, macs: 0.5 })).report
  expect(warnings.join('\n')).toMatch(/All 48 rows have the label “1”: nothing is known of the other classes/)
  expect(new Set(warnings).size).toBe(warnings.length)
})

test('a teacher that only decides teaches nothing, and is told so', async () => {
  const decided = seeded(
    'g (float[N,4] x) => (int64[N] class) { class = ArgMax<axis: int = 1, keepdims: int = 0>(x) }',
    {},
  )
  const data = await memoryDataset({ x: { dtype: 'float32', dims: [20, 4], data: x.slice(0, 80) } })
  await expect(distil(decided, data, { ...settings, student: decided, epochs: 1 })).rejects.toMatchObject({
    message: 'no output of the teacher is float',
    hint: expect.stringContaining('finished decisions'),
  })
})

test('an input that is the same whole number of 64 bits for all rows', async () => {
  const scaled = seeded(
    `g (float[N,1,6,6] x, int64 rate) => (float[N,2] logits) <WEIGHTS, float unit = {16000}>
     { at = Cast<to: int = 1>(rate)  by = Div(at, unit)  z = Mul(x, by)  a = Conv<pads: ints = [1,1,1,1]>(z, w0)  r = Relu(a)
       p = GlobalAveragePool(r)  f = Flatten(p)  logits = MatMul(f, w1) }`,
    { w0: [4, 1, 3, 3], w1: [4, 2] },
  )
  const lines = Array.from({ length: ROWS }, (_, row) =>
    JSON.stringify({ x: [[0, 1, 2, 3, 4, 5].map((at) => [...x.subarray(row * 36 + at * 6, row * 36 + at * 6 + 6)])] }),
  )
  writeFileSync(join(folder, 'rows.jsonl'), `${lines.join('\n')}\n`)
  writeFileSync(join(folder, 'dataset.json'), JSON.stringify({ files: 'rows.jsonl', constants: { rate: 16000 } }))
  const wanted = [...inputs, { name: 'rate', dtype: 'int64', shape: [] }] as const
  const data = await openDataset(folder, { inputs: [...wanted] })
  const { report } = await distil(scaled, data, { ...settings, student: scaled, epochs: 1 })
  expect(report.cost.steps).toBe(96 / 16)
})

describe('a label that will not do', () => {
  const wrong = async (rows: readonly number[]) =>
    labelled(labels.map((label, row) => (rows.includes(row) ? 7n : label)))
  const never = { ...settings, epochs: 1, onEpoch: () => expect.fail('it learned before it looked') }

  test('is found before anything learns, wherever it stands', async () => {
    const { select, prove } = splitRows(await labelled(), 1, { shares: [0.6, 0.1, 0.3] })
    for (const row of [select[0]!, prove[0]!])
      for (const learning of [
        () => wrong([row]).then((data) => prune(teacher, data, { ...never, macs: 0.5 })),
        () => wrong([row]).then((data) => distil(teacher, data, { ...never, width: 0.5 })),
      ])
        await expect(learning()).rejects.toThrow(new RegExp(`the label 7 of row ${row} is `))
  })

  test('also among rows of their own to prove on', async () => {
    const proof = await memoryDataset(
      {
        x: { ...pictures(2), data: Float32Array.from({ length: 72 }, (_, i) => i / 72) },
        labels: { dtype: 'string', dims: [2], data: ['0', 'dog'] },
      },
      { inputs, label: 'labels' },
    )
    const asked = distil(teacher, await labelled(), { ...never, width: 0.5, proof })
    await expect(asked).rejects.toThrow('the label "0" of row 0 is text and not a number')
  })
})

describe('prune', () => {
  test.each(['taylor', 'l1', 'activation'] as const)(
    'by %s: less work, a smaller file, a model that checks',
    async (importance) => {
      const data = await labelled()
      const { model, report } = await prune(teacher, data, { ...settings, macs: 0.5, importance, epochs: 2 })
      reportIn(JSON.stringify(report), 'pruning')
      expect(checkModel(model)).toEqual([])
      expect(report.after.macs).toBeLessThanOrEqual(report.before.macs! / 2)
      expect(report.after.parameters).toBeLessThan(report.before.parameters)
      expect(report.after.bytes).toBeLessThan(report.before.bytes)
      expect(report.groups.reduce((sum, { removed }) => sum + removed, 0)).toBeGreaterThan(0)
      expect(report.groups.every(({ kept }) => kept > 0)).toBe(true)
      expect(report.epochs.length).toBe(2)
      expect(report.rows).toEqual({ train: 96, select: 16, prove: 48 })
      expect(shown(report)).toContain(report.proof)
    },
  )

  test('without labels it learns from the whole model, and gets nearer to it', async () => {
    const data = await unlabelled()
    const told = new Set<string>()
    const onEpoch = (_: unknown, scoreName: string) => void told.add(scoreName)
    const { report } = await prune(teacher, data, { ...settings, macs: 0.6, epochs: 6, onEpoch })
    expect(report.epochs.at(-1)!.loss).toBeLessThan(report.epochs[0]!.loss)
    expect(report.scoreName).toBe("teacher's answers met")
    expect([...told]).toEqual([report.scoreName])
  })

  test('heads of attention are removed whole, and the rest learns again', async () => {
    const tokens = { dtype: 'float32', dims: [ROWS, 4, 6], data: x.subarray(0, ROWS * 24) } as const
    const rows = await memoryDataset({ x: tokens }, { inputs: [{ name: 'x', dtype: 'float32', shape: ['N', 4, 6] }] })
    const whole = attending(4, 3)
    const { model, report } = await prune(whole, rows, { ...settings, macs: 0.6, epochs: 2 })
    expect(checkModel(model)).toEqual([])
    expect(report.groups.map(({ kept, removed }) => [kept, removed])).toEqual([[2, 2]])
    const weights = (from: Model) =>
      ['wq', 'wk', 'wv', 'wo'].map((name) => from.graph.initializers.get(name)!.dims.join('×'))
    expect([weights(whole), weights(model)]).toEqual([
      ['6×12', '6×12', '6×12', '12×6'],
      ['6×6', '6×6', '6×6', '6×6'],
    ])
    expect(report.after.macs).toBeLessThanOrEqual(0.6 * report.before.macs!)
  })

  /** Wide enough for bits to pay. */
  const wide = seeded(
    `g (float[N,1,6,6] x) => (float[N,2] logits) <WEIGHTS>
     { f = Flatten(x)  a = Gemm<transB: int = 1>(f, w0, b0)  r = Relu(a)  logits = Gemm<transB: int = 1>(r, w1, b1) }`,
    { w0: [64, 36], b0: [64], w1: [2, 64], b1: [2] },
  )

  test.each([
    ['a share', { sparsity: 0.75 }, 1 / 4],
    ['a share by size', { sparsity: 0.75, importance: 'l1' }, 1 / 4],
    ['a pattern', { pattern: '1:4' }, 1 / 4],
  ] as const)(
    '%s of single weights: zero while the others learn, a smaller file, the recipe replays',
    async (_, aim, left) => {
      const data = await labelled()
      const { model, report, recipe, tensors } = await prune(wide, data, { ...settings, ...aim, epochs: 3 })
      reportIn(JSON.stringify(report), 'pruning')
      expect(checkModel(model)).toEqual([])
      const weights = 64 * 36 + 2 * 64
      expect(report.groups.reduce((sum, { kept }) => sum + kept, 0)).toBe(weights * left)
      expect(report.after.parameters).toBe(weights * left + 66)
      expect(report.after.macs).toBe(report.before.macs)
      expect(report.after.bytes).toBeLessThan(report.before.bytes / 2)
      expect(report.unit).toBe('weights')
      expect(report.sentence).toContain('zeros take the time of any other number')
      expect(report.epochs.at(-1)!.loss).toBeLessThan(report.epochs[0]!.loss)
      expect(shown(report)).toContain('weights')
      // Other passes see the weights again, less the channels of which nothing is read any more.
      const { report: coded } = await quantize(model, { scheme: 'dynamic-int8' })
      const counts = coded.float.map(({ reason }) =>
        Number(/^([\d,]+) weights are too few to gain$/.exec(reason)?.[1]?.replaceAll(',', '')),
      )
      const channels = counts[1]! / 2
      expect(counts).toEqual([36 * channels, 2 * channels])
      expect(channels).toBeLessThanOrEqual(64)
      const replayed = await applyRecipe(recipe, wide, { tensors })
      expect(modelDigest(replayed.model)).toBe(modelDigest(model))
    },
  )

  test('single weights without epochs: said, and nothing else has changed', async () => {
    const { model, report } = await prune(wide, await labelled(), { ...settings, sparsity: 0.5, epochs: 0 })
    expect(report.warnings).toContain('no epochs: weights became zero and nothing has learned again')
    expect(report.after.runtime).toEqual(oldestRuntime(model))
    expect(renderTerminal(report, { color: false, width: 100 })).toMatch(/^runs in ONNX Runtime 1\.\d+ and newer/m)
    const { model: plain } = await passById('readSparseWeights').run(model, {} as never, [])
    const [before, after] = [wide, plain].map(
      (from) => tensorValues(from.graph.initializers.get('w0')!) as Float32Array,
    )
    expect([...after!].filter((value, i) => value !== 0 && value !== before![i])).toEqual([])
    expect([...after!].some((value) => value === 0)).toBe(true)
  })

  test.each([
    ['no aim', {}, /nothing says what shall go/],
    ['two aims', { macs: 0.5, sparsity: 0.5 }, /one aim at a time/],
    ['a pattern that is none', { pattern: '4:2' }, /no pattern/],
    ['an importance of channels for weights', { sparsity: 0.5, importance: 'bn' }, /channels, not of single weights/],
    ['a pattern that fits nothing', { pattern: '3:7' }, /no weights that can become zero/],
    ['BatchNormalizations that are not there', { macs: 0.5, importance: 'bn' }, /no BatchNormalization/],
    ['work that cannot be saved', { macs: 0.001 }, /do not bring the work down/],
    ['a share that is none', { macs: 1.5 }, /between 0 and 1/],
  ] as const)('%s: a message', async (_, options, message) => {
    const failed = prune(teacher, await labelled(), { ...settings, epochs: 0, ...options })
    await expect(failed).rejects.toMatchObject({ name: 'UserError', message: expect.stringMatching(message) })
  })
})

describe('distil', () => {
  test('a model that says one output twice, as files may, is cut like any other', async () => {
    const [output] = teacher.graph.outputs
    const twice = { ...teacher, graph: { ...teacher.graph, outputs: [output!, output!] } }
    const data = await unlabelled()
    const { report } = await distil(twice, data, { ...settings, width: 0.5, epochs: 1 })
    expect(report.student.macs).toBeLessThan(report.teacher.macs!)
    expect((await prune(twice, data, { ...settings, macs: 0.5, epochs: 0 })).report.groups.length).toBeGreaterThan(0)
  })

  test('a student cut to half of the width and none of the blocks learns without labels', async () => {
    const data = await unlabelled()
    const options = { ...settings, width: 0.5, depth: 0.4, epochs: 3 }
    const lines: string[] = []
    const onProgress = (line: string) => lines.push(line)
    const { model, report, recipe, tensors } = await distil(teacher, data, { ...options, onProgress })
    // The size is said while the first answers are there, not when all are.
    expect(lines.indexOf("the teacher's answers will take 896 bytes")).toBe(0)
    expect(lines.indexOf('teacher: 112 of 112 rows')).toBeGreaterThan(0)
    expect(recipe.steps.map(({ pass }) => pass)).toEqual(
      expect.arrayContaining(['leaveOutBlocks', 'pruneChannels', 'setWeights']),
    )
    const replayed = await applyRecipe(recipe, teacher, { tensors })
    expect(modelDigest(replayed.model)).toBe(modelDigest(model))
    reportIn(JSON.stringify(report), 'distillation')
    expect(checkModel(model)).toEqual([])
    expect(report.recipe).toBe('0 of 1 residual blocks, 4 of 8 channels, the most important by taylor')
    expect(report.student.parameters).toBe(4 * 9 + 2 * 4 + 2)
    expect(report.epochs.at(-1)!.loss).toBeLessThan(report.epochs[0]!.loss)
    expect(Object.keys(report.loss)).toEqual(["teacher's logits"])
    expect(report.teacherBytes).toBe((96 + 16) * 2 * 4)
    expect(shown(report)).toContain('residual blocks')
  })

  test('on half of the grid, with all channels', async () => {
    const data = await unlabelled()
    const { report } = await distil(teacher, data, { ...settings, resolution: 0.5, epochs: 1 })
    expect(report.recipe).toBe('1 of 1 residual blocks, 0.5 of the resolution behind the first convolution')
    expect(report.student.parameters).toBe(report.teacher.parameters)
    expect(report.student.macs).toBeLessThan(report.teacher.macs! / 3)
    const vector = seeded('g (float[N,4] x) => (float[N,2] logits) <WEIGHTS> { logits = MatMul(x, w) }', { w: [4, 2] })
    const rows = await memoryDataset({ x: { dtype: 'float32', dims: [40, 4], data: x.subarray(0, 160) } })
    const failed = distil(vector, rows, { ...settings, resolution: 0.5, epochs: 1 })
    await expect(failed).rejects.toMatchObject({
      code: 'unsupported',
      where: expect.stringContaining('no convolution'),
    })
  })

  // Rows that change each time they are seen must change alike when a run goes on.
  test.each([{ augment: [] }, { augment: ['flip', 'crop', 'noise', 'mixup'] }] as const)(
    'stopped at a step and resumed, it makes the same model to the bit: %o',
    async ({ augment }) => {
      const data = await labelled()
      const options = { ...settings, width: 0.5, epochs: 3, augment }
      const whole = await distil(teacher, data, options)
      const run = join(folder, `run${augment.length}`)
      mkdirSync(run)
      const checkpoint = join(run, 'checkpoint.bin')
      const stop = new AbortController()
      const stopped = distil(teacher, data, {
        ...{ ...options, checkpoint, signal: stop.signal },
        onProgress: (line) => line.startsWith('step 8 ') && stop.abort(new Error('stopped')),
      })
      await expect(stopped).rejects.toThrow('stopped')
      const resumed = await distil(teacher, data, { ...options, checkpoint, resume: true })
      expect(modelDigest(resumed.model)).toBe(modelDigest(whole.model))
      expect(resumed.report.epochs).toEqual(whole.report.epochs)
      const other = distil(teacher, data, { ...options, epochs: 4, checkpoint, resume: true })
      await expect(other).rejects.toMatchObject({
        name: 'UserError',
        message: expect.stringContaining('a run with other models'),
      })
    },
  )

  test('that learns from rows moved against it stands more of them', async () => {
    const data = await labelled()
    const plain = { ...settings, student: teacher, epochs: 12, teacherShare: 0 }
    const [naive, defended] = [
      await distil(teacher, data, plain),
      await distil(teacher, data, { ...plain, adversary: { eps: 0.4 } }),
    ]
    expect(defended.report.adversary).toEqual({ eps: 0.4, steps: 3 })
    expect(defended.report.scoreName).toBe('labels met, rows moved')
    reportIn(JSON.stringify(defended.report), 'distillation')
    const robust = async (model: Model) =>
      (await attack({ path: 'student', model }, data, { attack: 'pgd', eps: 0.4, range: [-9, 9], open })).robust.correct
    expect(await robust(defended.model)).toBeGreaterThan((await robust(naive.model)) + ROWS / 10)
    const mixed = distil(teacher, data, { ...plain, augment: ['mixup'], adversary: { eps: 0.4 } })
    await expect(mixed).rejects.toThrow(/laid over each other/)
  })

  test('a student of one’s own', async () => {
    const student = seeded(
      'g (float[N,1,6,6] x) => (float[N,2] logits) <WEIGHTS> { f = Flatten(x)  logits = Gemm(f, w, b) }',
      {
        w: [36, 2],
        b: [2],
      },
    )
    const { report } = await distil(teacher, await labelled(), { ...settings, student, epochs: 4 })
    expect(report.loss).toEqual({ "teacher's logits": 0.7, labels: expect.closeTo(0.3, 12) })
    expect(report.epochs.at(-1)!.loss).toBeLessThan(report.epochs[0]!.loss)
    expect(report.student.parameters).toBe(74)
  })
})

describe('a student whose weights are drawn anew', () => {
  const student = seeded(
    `g (float[N,1,6,6] x) => (float[N,2] logits) <WEIGHTS>
     { a = Conv<strides: ints = [2,2]>(x, w0, b0)  r = Relu(a)  f = Flatten(r)  logits = MatMul(f, w1) }`,
    { w0: [8, 1, 3, 3], b0: [8], w1: [32, 2] },
  )

  test('owes nothing to those that it had, and the recipe makes it again', async () => {
    const data = await labelled()
    const learning = { ...settings, freshWeights: true, epochs: 4 }
    const made = await distil(teacher, data, { ...learning, student })
    expect(made.report.recipe).toBe('a model of its own, its weights drawn anew by seed 1')
    expect(made.report.epochs.at(-1)!.loss).toBeLessThan(made.report.epochs[0]!.loss)
    // A file whose training had gone to ruin gives the same student.
    const spoilt = [...student.graph.initializers].map(
      ([name, tensor]) =>
        [name, { ...tensor, data: tensorOf('float32', tensor.dims, ruins(tensor.dims)).data }] as const,
    )
    const ruin = { ...student, graph: { ...student.graph, initializers: new Map(spoilt) } }
    const again = await distil(teacher, data, { ...learning, student: ruin })
    expect(modelDigest(again.model)).toBe(modelDigest(made.model))
    const other = await distil(teacher, data, { ...learning, student, seed: 2 })
    expect(modelDigest(other.model)).not.toBe(modelDigest(made.model))
    const replayed = await applyRecipe(made.recipe, student, { tensors: made.tensors })
    expect(modelDigest(replayed.model)).toBe(modelDigest(made.model))
  })

  const ruins = (dims: readonly number[]) => new Float32Array(dims.reduce((all, size) => all * size, 1)).fill(1e20)
})

describe('what cannot be is said, by name', () => {
  const small = (text: string, weights: Readonly<Record<string, readonly number[]>>) => seeded(text, weights)

  test('labels out of range', async () => {
    const failed = distil(teacher, await labelled(labels.map((label) => label * 7n)), { ...settings, epochs: 1 })
    await expect(failed).rejects.toMatchObject({
      code: 'bad-data',
      message: expect.stringMatching(/label 7 of row \d+/),
    })
  })

  test('labels as floats are the same labels, and one that is none is named with its row', async () => {
    const floats = (data: Float32Array) =>
      memoryDataset({ x: pictures(), labels: { dtype: 'float32', dims: [ROWS], data } }, { inputs, label: 'labels' })
    const same = Float32Array.from(labels, Number)
    const once = { ...settings, epochs: 1 }
    const { report } = await distil(teacher, await floats(same), once)
    expect(report.scoreName).toBe('labels met')
    expect(report.epochs).toEqual((await distil(teacher, await labelled(), once)).report.epochs)
    const wrong = distil(teacher, await floats(same.with(3, Number.NaN)), once)
    await expect(wrong).rejects.toMatchObject({ message: expect.stringMatching(/row 3 .*has no label/) })
  })

  test('a data set of one row', async () => {
    const one = await memoryDataset({ x: pictures(1) }, { inputs })
    const failed = distil(teacher, one, { ...settings, epochs: 1 })
    await expect(failed).rejects.toMatchObject({ code: 'bad-data', message: expect.stringContaining('has 1 row:') })
  })

  test('a student whose outputs are not the teacher’s', async () => {
    const three = small(
      'g (float[N,1,6,6] x) => (float[N,3] logits) <WEIGHTS> { f = Flatten(x)  logits = MatMul(f, w) }',
      {
        w: [36, 3],
      },
    )
    const other = small('g (float[N,1,6,6] x) => (float[N,2] z) <WEIGHTS> { f = Flatten(x)  z = MatMul(f, w) }', {
      w: [36, 2],
    })
    for (const student of [three, other]) {
      const failed = distil(teacher, await unlabelled(), { ...settings, student, epochs: 1 })
      await expect(failed).rejects.toMatchObject({ code: 'unsupported', message: expect.stringContaining('"logits"') })
    }
    const sizes = distil(teacher, await unlabelled(), { ...settings, student: three, epochs: 1 })
    await expect(sizes).rejects.toThrow(`the student's output "logits" is float32[N,3], the teacher's float32[N,2]`)
  })

  test('a student that does not take the rows, before the teacher is asked', async () => {
    const asked: Model[] = []
    const watch = (model: Model) => {
      asked.push(model)
      return open(model)
    }
    const watched = { ...settings, epochs: 1, open: watch }
    const named = small('g (float[N,36] y) => (float[N,2] logits) <WEIGHTS> { logits = MatMul(y, w) }', { w: [36, 2] })
    const failed = distil(teacher, await unlabelled(), { ...watched, student: named })
    await expect(failed).rejects.toMatchObject({
      message: `the student does not take the rows: the model's input "y" is not in the data`,
      hint: expect.stringContaining('the data has x'),
    })
    const large = small(
      'g (float[N,1,8,8] x) => (float[N,2] logits) <WEIGHTS> { f = Flatten(x)  logits = MatMul(f, w) }',
      { w: [64, 2] },
    )
    await expect(distil(teacher, await unlabelled(), { ...watched, student: large })).rejects.toThrow(
      'the student does not take the rows: field "x" has rows of shape [1,6,6]',
    )
    expect(asked).toEqual([])
  })

  test('a row that the teacher cannot answer', async () => {
    const values = x.slice()
    values[40 * 36 + 3] = Number.NaN
    const data = await memoryDataset({ x: { ...pictures(), data: values } }, { inputs })
    await expect(distil(teacher, data, { ...settings, epochs: 1, proof: await unlabelled() })).rejects.toMatchObject({
      code: 'bad-data',
      message: "the teacher's answer to row 40 is not a number",
      hint: expect.stringContaining('"x" holds NaN'),
    })
  })

  test('fresh weights of a student that has no weights of its own', async () => {
    const failed = distil(teacher, await unlabelled(), { ...settings, freshWeights: true, epochs: 1 })
    await expect(failed).rejects.toMatchObject({ code: 'bad-argument', hint: expect.stringContaining('--student') })
  })

  test('labels that teach nothing, whatever their share was to be', async () => {
    const one = small('g (float[N,1,6,6] x) => (float[N,1] y) <WEIGHTS> { f = Flatten(x)  y = MatMul(f, w) }', {
      w: [36, 1],
    })
    const numbers = Float32Array.from({ length: ROWS }, (_, row) => row / 7)
    const data = await memoryDataset(
      { x: pictures(), labels: { dtype: 'float32', dims: [ROWS], data: numbers } },
      { inputs, label: 'labels' },
    )
    const { report } = await distil(one, data, { ...settings, student: one, teacherShare: 0, epochs: 1 })
    expect(report.loss).toEqual({ "teacher's y": 1 })
    expect(report.warnings).toContainEqual(expect.stringContaining('"labels" is not learned'))
  })

  test('an operator without a rule between the weights and the answer', async () => {
    const student = small(
      'g (float[N,1,6,6] x) => (float[N,2] logits) <WEIGHTS> { f = Flatten(x)  m = MatMul(f, w)  logits = Hardmax(m) }',
      { w: [36, 2] },
    )
    const failed = distil(teacher, await unlabelled(), { ...settings, student, epochs: 1 })
    await expect(failed).rejects.toMatchObject({ code: 'unsupported', message: expect.stringContaining('Hardmax') })
  })

  test('weights of an operator without a rule', async () => {
    const student = small(
      `g (float[N,1,6,6] x) => (float[N,2] logits) <WEIGHTS>
       { f = Flatten(x)  m = com.microsoft.FusedMatMul(f, v)  n = MatMul(f, w)  logits = Add(m, n) }`,
      { v: [36, 2], w: [36, 2] },
    )
    const { report } = await distil(teacher, await unlabelled(), { ...settings, student, epochs: 1 })
    expect(report.warnings).toContain(
      'the weights of "m" stay as they are: com.microsoft.FusedMatMul has no gradient rule',
    )
  })

  test('channels of a recurrent layer, whose weights learn', async () => {
    const student = small(
      `g (float[N,1,6,6] x) => (float[N,2] logits) <WEIGHTS, int64[3] rows = {0, 6, 6}, int64[1] first = {0}>
       { p = Reshape(x, rows)  t = Transpose<perm: ints = [1,0,2]>(p)  all, h = GRU<hidden_size: int = 4>(t, wx, wh)
         q = Squeeze(h, first)  logits = MatMul(q, v) }`,
      { wx: [1, 12, 6], wh: [1, 12, 4], v: [4, 2] },
    )
    const { model, report } = await distil(teacher, await unlabelled(), { ...settings, student, epochs: 1 })
    expect(report.warnings.filter((text) => text.includes('GRU'))).toEqual([])
    const moved = (name: string) => {
      const [before, after] = [student, model].map(({ graph }) => [...toNumbers(graph.initializers.get(name)!)])
      return before!.some((value, i) => value !== after![i])
    }
    expect(['wx', 'wh', 'v'].map(moved)).toEqual([true, true, true])
    await expect(prune(student, await unlabelled(), { ...settings, macs: 0.5, epochs: 1 })).rejects.toMatchObject({
      code: 'unsupported',
      where: expect.stringContaining('GRU has no rule for channels'),
    })
  })

  test('a loss that is no number any more', async () => {
    const failed = distil(teacher, await labelled(), { ...settings, rate: 1e30, epochs: 3 })
    await expect(failed).rejects.toMatchObject({ code: 'bad-data', where: expect.stringMatching(/^first in ("|the )/) })
  })
})
