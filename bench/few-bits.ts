// What weights in few bits cost a language model: perplexity, and how often the most likely next token stays, on text
// that the float model wrote. No times, so the machine may be busy.
// Run after a build: node dist/bench/few-bits.js [FOLDER [GROUP…]]   (the texts stay in FOLDER, for the command)
import { mkdirSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Dataset, openDataset } from '../src/data/index.ts'
import { inputsOf, openIsolated } from '../src/engine/index.ts'
import { readModel } from '../src/index.ts'
import { compareModels, type QuantizeOptions, quantize } from '../src/recipe/index.ts'
import { readPieces, writeStories } from './stories.ts'

const [CALIBRATION, TEST] = [40, 120]

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
  const pieces = readPieces(vocabulary)
  const session = await openIsolated(model)
  try {
    const write = (name: string, seed: number, count: number) =>
      writeStories(session, pieces, join(folder, name), { seed, count })
    return {
      calibration: await write('calibration.txt', 1, CALIBRATION),
      test: await write('text.txt', 2, TEST),
    }
  } finally {
    await session.close()
  }
}
