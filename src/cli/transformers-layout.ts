import { copyFileSync, existsSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import type { Model } from '../ir/index.ts'
import { explainSystemError, makeFolder, UserError } from '../platform/index.ts'
import type { OptimizationReport, Recipe } from '../report/index.ts'
import type { OptionSpec } from './verb.ts'

export const LAYOUT: OptionSpec = {
  type: 'string',
  value: 'NAME',
  help: 'transformers.js: also name the files as @huggingface/transformers loads them, under onnx/ in the folder -o',
}

/**
 * The values of `dtype` in `@huggingface/transformers` (3 and 4) and what each adds to the name `model`. Source: its
 * `src/utils/dtypes.js`.
 */
const DTYPE_SUFFIX = {
  fp32: '',
  fp16: '_fp16',
  int8: '_int8',
  uint8: '_uint8',
  q8: '_quantized',
  q4: '_q4',
  q4f16: '_q4f16',
  bnb4: '_bnb4',
} as const
export type Dtype = keyof typeof DTYPE_SUFFIX

const fileOf = (dtype: Dtype) => join('onnx', `model${DTYPE_SUFFIX[dtype]}.onnx`)
const DTYPES = Object.keys(DTYPE_SUFFIX) as Dtype[]
/** The files that a folder can have, and those that are added to a `model.onnx` which is there. */
export const LAYOUT_FILES: readonly string[] = DTYPES.map(fileOf)
export const ADDED: readonly string[] = DTYPES.filter((dtype) => dtype !== 'fp32').map(fileOf)

/** What a pipeline needs beside the model, where it lies beside the model that was read. */
const COMPANIONS = [
  'config.json',
  'generation_config.json',
  'preprocessor_config.json',
  'processor_config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
  'vocab.json',
  'vocab.txt',
  'merges.txt',
  'chat_template.jinja',
]

/** The `dtype` that a model made by this recipe is loaded as; null for a mixture that has no name there. */
export function dtypeOf({ steps }: Recipe): Dtype | null {
  const has = (pass: string) => steps.some((step) => step.pass === pass)
  const half = has('convertFloat16')
  if (has('quantizeStaticInt8') || has('quantizeDynamicInt8')) return half ? null : 'q8'
  const weights = steps.find((step) => step.pass === 'quantizeWeights')
  if (!weights) return half ? 'fp16' : 'fp32'
  const four = (weights.options as { readonly bits?: number }).bits !== 8
  return half ? (four ? 'q4f16' : null) : four ? 'q4' : 'int8'
}

/**
 * Writes models under the names that `@huggingface/transformers` looks for in a folder: `onnx/model.onnx`,
 * `onnx/model_quantized.onnx` and so on, and copies the configuration and tokenizer that lie beside `source` (or in the
 * folder above, where that one is called `onnx`). What was there under another name stays.
 *
 * @returns The files written, relative to the folder.
 */
export async function writeTransformersLayout(
  folder: string,
  source: string,
  models: ReadonlyMap<Dtype, Model>,
): Promise<readonly string[]> {
  const { writeModel } = await import('./model-file.ts')
  const written: string[] = []
  makeFolder(join(folder, 'onnx'))
  for (const [dtype, model] of models) {
    const name = fileOf(dtype)
    await writeModel(model, join(folder, name))
    written.push(name)
  }
  const beside = dirname(resolve(source))
  const places = basename(beside) === 'onnx' ? [beside, dirname(beside)] : [beside]
  for (const name of COMPANIONS) {
    const from = places.map((place) => join(place, name)).find((path) => existsSync(path))
    const to = join(resolve(folder), name)
    if (from === undefined || from === to) continue
    try {
      copyFileSync(from, to)
    } catch (error) {
      throw explainSystemError(error, to, 'write')
    }
    written.push(name)
  }
  return written
}

/** The one layout that there is. UserError for another word. */
export function layoutOf(name: string | undefined): 'transformers.js' | undefined {
  if (name === undefined || name === 'transformers.js') return name
  throw new UserError('bad-argument', `--layout ${name}: there is no such layout`, {
    where: 'command line',
    hint: 'choices: transformers.js',
  })
}

/**
 * What a search has to offer under each name: the fastest of the candidates that passed or stayed close. `fp32` is the
 * lossless model where it was shown to be right, else the original.
 */
export function offeredDtypes(
  original: Model,
  report: OptimizationReport,
  candidates: readonly { readonly id: string; readonly model: Model; readonly recipe: Recipe }[],
): ReadonlyMap<Dtype, Model> {
  const speed = new Map(report.candidates.map((result) => [result.id, result]))
  const good = candidates
    .filter(({ id }) => {
      const result = speed.get(id)
      return result && result.verdict !== 'regressed' && (result.verdict === 'pass' || result.grade === 'close')
    })
    .sort((a, b) => (speed.get(b.id)!.speedup ?? 0) - (speed.get(a.id)!.speedup ?? 0))
  const models = new Map<Dtype, Model>()
  for (const { model, recipe } of good) {
    const dtype = dtypeOf(recipe)
    if (dtype !== null && !models.has(dtype)) models.set(dtype, model)
  }
  if (!models.has('fp32')) models.set('fp32', original)
  return models
}
