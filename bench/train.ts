import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { randomNumbers } from '../src/data/index.ts'
import { type Feeds, ortNode } from '../src/engine/index.ts'
import { elementCount } from '../src/ir/index.ts'
import { differentiate } from '../src/passes/index.ts'
import { median } from '../src/statistics/index.ts'
import { layoutOf, packWeights, stepGraph, type TrainOptions, train, trainableWeights } from '../src/train/index.ts'
import { ROOT } from './repository.ts'
import { CLASSES, type TrainedNetwork, trainedNetworks } from './train-networks.ts'

/**
 * Training steps beside PyTorch's (`python3-torch`, eager): the same networks, batch, optimizer and one thread, by
 * turns. `node dist/bench/train.js [rounds] [steps] [batch]`; above 1 is faster than PyTorch. Debian's PyTorch multiplies
 * with whatever BLAS stands behind `libblas.so.3`: with the reference one it is many times slower, so install OpenBLAS
 * (or put one first in LD_LIBRARY_PATH) before you believe a ratio.
 */
const [rounds, steps, batch] = [process.argv[2] ?? 9, process.argv[3] ?? 10, process.argv[4] ?? 64].map(Number) as [
  number,
  number,
  number,
]

/** Milliseconds a step, over `steps` steps of the real loop; state and rows cross into the engine as in any run. */
async function ours({
  model,
  row,
}: TrainedNetwork): Promise<{ time: () => Promise<number>; close: () => Promise<void> }> {
  const output = model.graph.outputs[0]!.name
  const loss = { kind: 'cross-entropy', output, labels: 'labels' } as const
  const made = differentiate(model, { loss, wrt: trainableWeights(model), training: true, keepOutputs: false })
  const [weights, statistics] = [layoutOf(model, made.gradients.keys()), layoutOf(model, made.updates.keys())]
  const step = stepGraph(made, weights, statistics, { kind: 'adamw' })
  const session = await ortNode.open(step.model, { threads: 1 })
  const random = randomNumbers(2)
  const feeds: Feeds = {
    x: {
      dtype: 'float32',
      dims: [batch, ...row],
      data: Float32Array.from({ length: batch * elementCount(row) }, () => 2 * random() - 1),
    },
    labels: {
      dtype: 'int64',
      dims: [batch],
      data: BigInt64Array.from({ length: batch }, (_, i) => BigInt(i % CLASSES)),
    },
  }
  const options: TrainOptions = {
    epochs: 1,
    rows: Array.from({ length: steps * batch }, (_, i) => i),
    batch,
    run: 'bench',
    start: { weights: packWeights(model, weights), statistics: packWeights(model, statistics) },
    async *read(rows, size) {
      for (let from = 0; from < rows.length; from += size) yield { rows: size, feeds }
    },
    // One session for all rounds: opening is no part of a step.
    open: async () => ({ ...session, run: (...words) => session.run(...words), close: async () => {} }),
  }
  return {
    async time() {
      const started = performance.now()
      await train(step, options)
      return (performance.now() - started) / steps
    },
    close: () => session.close(),
  }
}

/** PyTorch in a process of its own, which waits between rounds. */
async function theirs(name: string): Promise<{ blas: string; time: () => Promise<number>; close: () => void }> {
  // What was set for other programs' OpenBLAS would choose slower kernels for this one.
  const own = Object.entries(process.env).filter(([key]) => !key.startsWith('OPENBLAS_'))
  const child = spawn('/usr/bin/python3', [join(ROOT, 'bench/peers/train.py'), name, String(batch)], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...Object.fromEntries(own), OMP_NUM_THREADS: '1', OPENBLAS_NUM_THREADS: '1' },
  })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const answer = async () => {
    const { value, done } = await lines.next()
    if (done) throw new Error('the PyTorch peer ended; is python3-torch installed?')
    return value
  }
  return {
    blas: await answer(),
    async time() {
      child.stdin.write(`${steps}\n`)
      return Number(await answer())
    },
    close: () => child.stdin.end(),
  }
}

for (const network of trainedNetworks()) {
  const [own, peer] = [await ours(network), await theirs(network.name)]
  await own.time()
  await peer.time()
  const pairs: [number, number][] = []
  for (let round = 0; round < rounds; round++) {
    const first = round % 2 === 0
    const before = first ? await own.time() : await peer.time()
    const after = first ? await peer.time() : await own.time()
    pairs.push(first ? [before, after] : [after, before])
  }
  const ratio = median(pairs.map(([a, b]) => b / a))
  const words = pairs[0]!.map((_, side) => `${median(pairs.map((pair) => pair[side]!)).toFixed(2)} ms`)
  process.stdout.write(
    `${network.name}: ours ${words[0]}, PyTorch ${words[1]} a step of ${batch}; ratio ${ratio.toFixed(2)} (its matrices: ${peer.blas})\n`,
  )
  await own.close()
  peer.close()
}
