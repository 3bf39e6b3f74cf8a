import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Dataset, splitRows, subset } from '../src/data/index.ts'
import { openIsolated } from '../src/engine/index.ts'
import { feedsOf } from '../src/evaluate/index.ts'
import type { Model } from '../src/ir/index.ts'
import { readModel, writeModel } from '../src/onnx/index.ts'
import { differentiate, withWeights } from '../src/passes/index.ts'
import { compareModels, distil, quantize, tuneStaticInt8 } from '../src/recipe/index.ts'
import type { ComparisonReport } from '../src/report/index.ts'
import { layoutOf, packWeights, stepGraph, train, trainableWeights, unpackWeights } from '../src/train/index.ts'
import { fashionMnist } from './fashion-mnist.ts'
import { fashionNetworks } from './fashion-networks.ts'

/**
 * What rounding to integers costs a network, and how much of it comes back by tuning. Networks are trained from seeded
 * weights on the 60,000 rows of Fashion-MNIST (Debian's `dataset-fashion-mnist`), quantized with integers everywhere,
 * tuned on rows of the same 60,000, and judged on the 10,000 of the test set.
 *
 *     node dist/bench/tune.js [--network NAME] [--epochs 4] [--tune-rows 12000] [--tune-epochs 4] [--rate 5e-4]
 *                             [--batch 32] [--weight-bits 4] [--unlabelled] [--control] [--folder DIR]
 *
 * With --unlabelled the float model's answers are all that is learned from, so that nothing but what rounding took can
 * come back. With --control the float model learns from the same rows for as many steps and is then rounded without
 * tuning: what labels teach by themselves.
 * With --folder a trained network is kept there and found again.
 */
const { values: given } = parseArgs({
  options: {
    network: { type: 'string' },
    epochs: { type: 'string', default: '4' },
    'tune-rows': { type: 'string', default: '12000' },
    'tune-epochs': { type: 'string', default: '4' },
    rate: { type: 'string' },
    batch: { type: 'string', default: '32' },
    'weight-bits': { type: 'string', default: '8' },
    control: { type: 'boolean', default: false },
    unlabelled: { type: 'boolean', default: false },
    folder: { type: 'string' },
  },
})

const [learning, test] = [await fashionMnist('train'), await fashionMnist('t10k')]
const say = (text: string) => process.stdout.write(`${text}\n`)

for (const network of fashionNetworks()) {
  if (given.network && given.network !== network.name) continue
  const model = await trained(network.name, network.model)
  const shares = splitRows(learning, 1, { shares: [0.9, 0.1, 0] })
  const most = Number(given['tune-rows'])
  const rows = { train: shares.calibrate.slice(0, most), select: shares.select.slice(0, Math.ceil(most / 4)) }
  const settings = {
    epochs: Number(given['tune-epochs']),
    batch: Number(given.batch),
    rate: Number(given.rate ?? 5e-4),
    ...(given.unlabelled ? { teacherShare: 1 } : {}),
  }
  const pass = { placement: 'everywhere', ...(given['weight-bits'] === '4' ? { weightBits: 4 } : {}) }
  const made = await tuneStaticInt8(model, learning, rows, {
    ...{ ...settings, pass },
    onEpoch: ({ epoch, loss, score }) => say(`  tuning, epoch ${epoch + 1}: loss ${loss.toFixed(4)}, score ${score}`),
  })
  say(`${network.name}, ${rows.train.length} rows, ${settings.epochs} times, at a rate of ${settings.rate}`)
  const [plain, tuned] = [made.plain.model, made.trail.model]
  const looking = { margin: 0.01, label: 'labels', deep: false }
  const lost = await compareModels(model, plain, test, looking)
  const left = await compareModels(model, tuned, test, looking)
  const between = await compareModels(plain, tuned, test, looking)
  const [float, rounded, learned] = [lost.base.value!, lost.candidate.value!, left.candidate.value!]
  say(`${network.name}: float ${percent(float)}, plain integers ${percent(rounded)}, tuned ${percent(learned)}`)
  say(`  float against plain: ${pairs(lost)}`)
  say(`  plain against tuned: ${pairs(between)}`)
  say(`  float against tuned: ${pairs(left)}`)
  if (given.control) {
    const taught = await distil(model, subset(learning, [...rows.train, ...rows.select]), {
      ...{ ...settings, student: model, timed: false, margin: 0.01, proof: test },
    })
    const data = subset(learning, rows.train)
    const rounded = await quantize(taught.model, { scheme: 'static-int8', data, pass })
    const float = await compareModels(model, taught.model, test, looking)
    const integers = await compareModels(plain, rounded.model, test, looking)
    const last = await compareModels(rounded.model, tuned, test, looking)
    say(`  control: float taught alike ${percent(float.candidate.value!)} (${pairs(float)})`)
    say(
      `  control: the same in plain integers ${percent(integers.candidate.value!)}, plain against it: ${pairs(integers)}`,
    )
    say(`  control against tuned: ${pairs(last)}`)
  }
  say(`  of the gap came back: ${float > rounded ? percent((learned - rounded) / (float - rounded)) : 'there is none'}`)
}
process.exit()

function percent(share: number): string {
  return `${(100 * share).toFixed(2)} %`
}

function pairs({ discordant, mcnemar, agreement }: ComparisonReport): string {
  const { baseOnly, candidateOnly } = discordant!
  return `${baseOnly} rows lost, ${candidateOnly} won (McNemar mid-p ${mcnemar!.midP.toPrecision(2)}), same answer on ${percent(agreement!.rate)}`
}

/** The network with what labels teach it; a short run, from seeded weights. */
async function trained(name: string, model: Model): Promise<Model> {
  const epochs = Number(given.epochs)
  const kept = given.folder && join(given.folder, `${name}-${epochs}.onnx`)
  if (kept && existsSync(kept)) return readModel(kept)
  const output = model.graph.outputs[0]!.name
  const loss = { kind: 'cross-entropy', output, labels: 'labels' } as const
  const made = differentiate(model, { loss, wrt: trainableWeights(model), training: true, keepOutputs: false })
  const [weights, statistics] = [layoutOf(model, made.gradients.keys()), layoutOf(model, made.updates.keys())]
  const step = stepGraph(made, weights, statistics, { kind: 'adamw' })
  const result = await train(step, {
    epochs,
    rows: Array.from({ length: learning.rows }, (_, i) => i),
    batch: 64,
    rate: 4e-3,
    run: name,
    start: { weights: packWeights(model, weights), statistics: packWeights(model, statistics) },
    read: (rows, batch) => batches(learning, rows, batch),
    open: () => openIsolated(step.model, { threads: 1 }),
    onEpoch: ({ epoch, loss: now }) => say(`  training ${name}, epoch ${epoch + 1}: loss ${now.toFixed(4)}`),
  })
  const done = withWeights(
    model,
    new Map([...unpackWeights(result.weights, weights), ...unpackWeights(result.statistics, statistics)]),
  )
  if (kept) {
    mkdirSync(given.folder!, { recursive: true })
    await writeModel(done, kept)
  }
  return done
}

async function* batches(data: Dataset, rows: readonly number[], size: number) {
  const ports = [
    { name: 'x', dtype: 'float32', shape: null },
    { name: 'labels', dtype: 'int64', shape: null },
  ] as const
  for await (const part of data.read({ indices: rows, batch: size, fields: ['x', 'labels'] }))
    yield { rows: part.indices.length, feeds: feedsOf(part, ports, data) }
}
