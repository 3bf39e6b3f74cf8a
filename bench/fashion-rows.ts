import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { openDataset } from '../src/data/index.ts'
import { type Pictures, picturesOf, SIDE, wrong } from './fashion-pictures.ts'
import { writeNpz } from './write-npz.ts'

/** The zoo's pictures have 32 × 32 places: the 28 × 28 of the set stand in the middle. */
const PADDED = 32
const MARGIN = (PADDED - SIDE) / 2

/** What `resnet-fashion` was trained on: (p/255 − mean)/deviation, and this number around it. */
const MEAN = 0.286
const DEVIATION = 0.353
const BORDER = -0.81

/** Rows to learn from and to judge by, and what was seen of them. */
interface FashionRows {
  readonly train: string
  readonly test: string
  readonly facts: readonly string[]
}

/**
 * Writes Fashion-MNIST's 60,000 training and 10,000 test rows as inputs of the zoo's `resnet-fashion`, and makes sure
 * that they are what they are taken for: the zoo's 4,000 rows are found among the test rows, number for number, and no
 * row that judges is among those that train.
 *
 * @throws UserError where the set or the zoo is not there, or the rows are not as expected.
 */
export async function fashionRows(zoo: string, folder: string): Promise<FashionRows> {
  const [train, test] = [picturesOf('train'), picturesOf('t10k')]
  const paths = { train: join(folder, 'fashion-train.npz'), test: join(folder, 'fashion-test.npz') }
  const trained = digests(train)
  const judged = digests(test)
  const shared = [...judged].filter((digest) => trained.has(digest)).length
  if (shared > 0) throw wrong(`${shared} test rows stand among the training rows`)
  const [tests, calibration] = [await zooRows(zoo, 'fashion-test'), await zooRows(zoo, 'fashion-calib')]
  const found = tests.filter((digest) => judged.has(digest)).length
  const leaked = tests.filter((digest) => trained.has(digest)).length
  if (found !== tests.length || leaked > 0)
    throw wrong(`of the zoo's ${tests.length} test rows ${found} are test rows of the set and ${leaked} training rows`)
  const calib = calibration.filter((digest) => trained.has(digest)).length
  const calibJudged = calibration.filter((digest) => judged.has(digest)).length
  for (const [part, pictures] of [
    ['train', train],
    ['test', test],
  ] as const)
    writeNpz(paths[part], {
      x: { dtype: 'float32', dims: [pictures.count, 1, PADDED, PADDED], bytes: inputs(pictures) },
      labels: { dtype: 'int64', dims: [pictures.count], bytes: wholeNumbers(pictures.labels) },
    })
  return {
    ...paths,
    facts: [
      `x = (p/255 − ${MEAN})/${DEVIATION}, ${SIDE}×${SIDE} in the middle of ${PADDED}×${PADDED}, ${BORDER} around it: the zoo's ${tests.length} test rows come out number for number.`,
      `Training rows ${train.count} (${trained.size} different), test rows ${test.count} (${judged.size} different), in both: ${shared}.`,
      `All ${found} of the zoo's test rows are test rows, ${leaked} are training rows; of its ${calibration.length} calibration rows ${calib} are training rows, ${calibJudged} test rows.`,
    ],
  }
}

const digestOf = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

function row(pixels: Uint8Array, index: number, into: Float32Array): Float32Array {
  into.fill(BORDER)
  for (let y = 0; y < SIDE; y++)
    for (let x = 0; x < SIDE; x++) {
      // In steps of float32, as the zoo's rows were made.
      const grey = Math.fround(pixels[(index * SIDE + y) * SIDE + x]! / 255)
      const centred = Math.fround(grey - Math.fround(MEAN))
      into[(y + MARGIN) * PADDED + x + MARGIN] = centred / Math.fround(DEVIATION)
    }
  return into
}

function inputs({ count, pixels }: Pictures): Uint8Array {
  const size = PADDED * PADDED
  const all = new Float32Array(count * size)
  for (let index = 0; index < count; index++) row(pixels, index, all.subarray(index * size, (index + 1) * size))
  return new Uint8Array(all.buffer)
}

/** Of the rows as the model sees them. */
function digests({ count, pixels }: Pictures): ReadonlySet<string> {
  const one = new Float32Array(PADDED * PADDED)
  const bytes = new Uint8Array(one.buffer)
  const found = new Set<string>()
  for (let index = 0; index < count; index++) {
    row(pixels, index, one)
    found.add(digestOf(bytes))
  }
  return found
}

async function zooRows(zoo: string, name: string): Promise<readonly string[]> {
  const data = await openDataset(join(zoo, 'data', `${name}.npz`))
  const found: string[] = []
  for await (const part of data.read({ batch: 256, fields: ['x'] })) {
    const values = part.columns.x!.data as Float32Array
    const size = values.length / part.indices.length
    for (let i = 0; i < part.indices.length; i++) {
      const own = values.slice(i * size, (i + 1) * size)
      found.push(digestOf(new Uint8Array(own.buffer, own.byteOffset, own.byteLength)))
    }
  }
  return found
}

function wholeNumbers(labels: Uint8Array): Uint8Array {
  return new Uint8Array(BigInt64Array.from(labels, BigInt).buffer)
}
