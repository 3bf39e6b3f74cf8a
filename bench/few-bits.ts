// What weights in few bits cost a language model: perplexity, and how often the most likely next token stays, on text
// that the float model wrote. No times, so the machine may be busy.
// Run after a build: node dist/bench/few-bits.js [FOLDER [GROUP…]]   (the texts stay in FOLDER, for the command)
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Dataset, openDataset, randomNumbers } from '../src/data/index.ts'
import { openIsolated, type Session } from '../src/engine/index.ts'
import { readModel } from '../src/index.ts'
import { compareModels, type QuantizeOptions, quantize } from '../src/recipe/index.ts'
import { inputsOf } from './cases.ts'

const [CALIBRATION, TEST] = [40, 120]
/** A row of the text data set holds as many, the first included. */
const LONGEST = 255
const [START, FIRST_BYTE, LAST_BYTE] = [1, 3, 258]

const zoo = process.env.WHETSTONE_ZOO
if (!zoo) {
  process.stderr.write('set WHETSTONE_ZOO to the folder of the models\n')
  process.exit(2)
}
const folder = process.argv[2] ?? mkdtempSync(join(tmpdir(), 'whetstone-few-bits-'))
mkdirSync(folder, { recursive: true })
const vocabulary = join(zoo, 'models', 'tok512-tinystories.bin')
const path = join(zoo, 'models', 'stories260K-kv.onnx')
const model = await readModel(path)
const texts = await writeTexts()
const open = (file: string): Promise<Dataset> =>
  openDataset(file, { inputs: inputsOf(model), text: { tokenizer: vocabulary } })
const [calibration, test] = [await open(texts.calibration), await open(texts.test)]

const roundings = ['rtn', 'hqq', 'awq', 'gptq'] as const
const wanted = process.argv.slice(3).map(Number)
const all: readonly (QuantizeOptions & { readonly group: number })[] = [
  ...[16, 32, 64, 128, 256].flatMap((group) =>
    roundings.map((rounding) => ({ scheme: 'weight-int4' as const, group, rounding })),
  ),
  ...roundings.map((rounding) => ({ scheme: 'weight-int4' as const, group: 16, rounding, symmetric: true })),
  { scheme: 'weight-int4', group: 16, rounding: 'gptq', accuracyLevel: 4 },
  { scheme: 'weight-int8', group: 16 },
  { scheme: 'weight-int8', group: 16, accuracyLevel: 4 },
]
const settings = all.filter(({ group }) => wanted.length === 0 || wanted.includes(group))
process.stdout.write(`${test.rows} rows, ${calibration.rows} to calibrate on\n`)
process.stdout.write('| bits | group | zero points | rounding | activations | bytes | perplexity | next token |\n')
process.stdout.write('|-|-|-|-|-|-|-|-|\n')
for (const [i, setting] of settings.entries()) {
  const made = await quantize(model, { ...setting, data: calibration, samples: calibration.rows })
  const { base, candidate, nextTokens } = await compareModels(model, made.model, test, {
    ...{ metric: 'perplexity', margin: 0.1, deep: false },
  })
  if (i === 0) process.stdout.write(`| 32 | | | | | ${made.report.before.bytes} | ${base.value!.toFixed(3)} | |\n`)
  const { scheme, group, rounding = 'rtn', symmetric = false, accuracyLevel = 0 } = setting
  const cells = [
    scheme === 'weight-int4' ? 4 : 8,
    group,
    symmetric ? 'one' : 'one a group',
    rounding,
    accuracyLevel === 4 ? '8 bits' : 'float',
    made.report.after.bytes,
    candidate.value!.toFixed(3),
    `${(100 * nextTokens!.rate).toFixed(1)} %`,
  ]
  process.stdout.write(`| ${cells.join(' | ')} |\n`)
}
process.exit()

/** Two files of stories, sampled from the model as its own distribution says. */
async function writeTexts(): Promise<{ readonly calibration: string; readonly test: string }> {
  const pieces = readPieces(readFileSync(vocabulary))
  const session = await openIsolated(model)
  try {
    const write = async (name: string, seed: number, count: number) => {
      const random = randomNumbers(seed)
      const stories: string[] = []
      for (let i = 0; i < count; i++) stories.push(await tell(session, pieces, random))
      const file = join(folder, name)
      writeFileSync(file, `${stories.join('\n<|endoftext|>\n')}\n`)
      return file
    }
    return {
      calibration: await write('calibration.txt', 1, CALIBRATION),
      test: await write('text.txt', 2, TEST),
    }
  } finally {
    await session.close()
  }
}

/** One story, token by token on a growing cache. */
async function tell(session: Session, pieces: readonly string[], random: () => number): Promise<string> {
  const whole = (value: number) => ({ dtype: 'int64' as const, dims: [1, 1], data: BigInt64Array.of(BigInt(value)) })
  let cache = Object.fromEntries(
    session.inputs.flatMap(({ name, shape }) => {
      if (!name.startsWith('past')) return []
      const dims = shape!.map((dim, axis) => (typeof dim === 'number' ? dim : axis === 0 ? 1 : 0))
      return [[name, { dtype: 'float32' as const, dims, data: new Float32Array() }]]
    }),
  )
  let [token, text] = [START, '']
  for (let place = 0; place < LONGEST; place++) {
    const values = await session.run({ input_ids: whole(token), position_ids: whole(place), ...cache })
    cache = Object.fromEntries(
      Object.entries(values).flatMap(([name, value]) =>
        name.startsWith('present') ? [[name.replace('present', 'past_key_values'), value as never]] : [],
      ),
    )
    token = drawn(values.logits!.data as Float32Array, random())
    if (token === START || token === START + 1) break
    text += token >= FIRST_BYTE && token <= LAST_BYTE ? String.fromCharCode(token - FIRST_BYTE) : pieces[token]
  }
  return text.trim()
}

/** The token at which the cumulated softmax passes `share`. */
function drawn(logits: Float32Array, share: number): number {
  const top = logits.reduce((most, value) => Math.max(most, value))
  const weights = logits.map((value) => Math.exp(value - top))
  let left = share * weights.reduce((sum, value) => sum + value, 0)
  const token = weights.findIndex((weight) => (left -= weight) < 0)
  return token < 0 ? weights.length - 1 : token
}

/** The texts of the tokens of a llama2.c vocabulary: the longest length, then score, length and bytes of each. */
function readPieces(bytes: Uint8Array): readonly string[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const pieces: string[] = []
  for (let at = 4; at < bytes.length; ) {
    const length = view.getInt32(at + 4, true)
    pieces.push(new TextDecoder().decode(bytes.subarray(at + 8, at + 8 + length)))
    at += 8 + length
  }
  return pieces
}
