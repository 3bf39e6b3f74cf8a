import { rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { allNodes, intAttribute, type Model } from '../ir/index.ts'
import { makeFolder } from '../platform/index.ts'
import type { OptimizationReport, Recipe } from '../report/index.ts'
import { copyCompanions, tellExternalData } from './transformers-companions.ts'
import type { OptionSpec } from './verb.ts'
import { wrongCall } from './wrong-call.ts'

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

const DTYPES = Object.keys(DTYPE_SUFFIX) as Dtype[]

/**
 * The names of parts that models of several files are loaded by; a model of one file is called `model`, whatever its
 * file was. Source: `src/models/session_config.js` there, and `model_file_name` of its models with two towers.
 */
const PARTS: readonly string[] = [
  ...['encoder_model', 'decoder_model', 'decoder_model_merged', 'decoder_with_past_model', 'embed_tokens'],
  ...['text_model', 'vision_model', 'audio_model', 'language_model', 'prompt_encoder_mask_decoder'],
  ...['text_encoder', 'vision_encoder', 'audio_encoder', 'speech_encoder', 'prepare_inputs_embeds', 'lm_head'],
  ...['gen_head', 'gen_img_embeds', 'image_decode', 'encodec_decode', 'latent_denoiser', 'voice_decoder'],
  'conditional_decoder',
]

/** `decoder_model_merged` of `onnx/decoder_model_merged_fp16.onnx`. */
function partOf(source: string): string {
  const name = basename(source).replace(/\.onnx$/i, '')
  const suffix = Object.values(DTYPE_SUFFIX).find((one) => one !== '' && name.endsWith(one)) ?? ''
  const part = name.slice(0, name.length - suffix.length)
  return PARTS.includes(part) ? part : 'model'
}

/** Where the model of this file stands in a folder, such as `onnx/model_q4.onnx`. */
export const layoutFile = (source: string, dtype: Dtype) => join('onnx', `${partOf(source)}${DTYPE_SUFFIX[dtype]}.onnx`)
/** The files that a folder can have for a model, and those that are added to a float32 one which is there. */
export const layoutFiles = (source: string): readonly string[] => DTYPES.map((dtype) => layoutFile(source, dtype))
export const addedFiles = (source: string): readonly string[] =>
  DTYPES.filter((dtype) => dtype !== 'fp32').map((dtype) => layoutFile(source, dtype))

/** The `dtype` that a model is loaded as: what this recipe made of `source`, on top of what that came as. */
export function dtypeOf({ steps }: Pick<Recipe, 'steps'>, source: Model): Dtype {
  const has = (pass: RegExp) => steps.some((step) => pass.test(step.pass))
  const weights = steps.find((step) => step.pass === 'quantizeWeights')
  const made = has(/^quantize(Static|Dynamic)Int8$/)
    ? 'q8'
    : weights && ((weights.options as { readonly bits?: number }).bits === 8 ? 'int8' : 'q4')
  const codes = made ?? (has(/^undo/) ? undefined : codesOf(source))
  if (codes === 'q8' || codes === 'int8') return codes
  const half = has(/^convertFloat16$/) || (!has(/^widenFloat16$/) && isHalf(source))
  return codes ? (half ? 'q4f16' : 'q4') : half ? 'fp16' : 'fp32'
}

const CODES_OF_VALUES = /^(QuantizeLinear|DynamicQuantize\w+|QLinear\w+|QGemm|\w*Integer\w*)$/

/** What the file of a model that was quantized before holds. */
function codesOf({ graph }: Model): Dtype | undefined {
  const nodes = [...allNodes(graph)]
  if (nodes.some(({ opType }) => CODES_OF_VALUES.test(opType))) return 'q8'
  const blocks = nodes.filter(({ opType }) => opType === 'MatMulNBits')
  const stored = [...graph.initializers.values()].some(({ dtype }) => dtype === 'int4' || dtype === 'uint4')
  if (stored || blocks.some((node) => intAttribute(node, 'bits', 4) === 4)) return 'q4'
  return blocks.length > 0 || nodes.some(({ opType }) => opType === 'DequantizeLinear') ? 'int8' : undefined
}

/** Whether most bytes of its floats are of half precision. */
function isHalf({ graph }: Model): boolean {
  const bytes = (dtype: string) =>
    [...graph.initializers.values()].reduce(
      (sum, tensor) =>
        sum + (tensor.dtype === dtype && tensor.data.form !== 'strings' ? tensor.data.bytes.byteLength : 0),
      0,
    )
  return bytes('float16') > bytes('float32')
}

/**
 * Writes models under the names that `@huggingface/transformers` looks for in a folder: `onnx/model.onnx`,
 * `onnx/model_quantized.onnx` and so on, and copies the configuration and tokenizer that lie beside `source` (or in the
 * folder above, where that one is called `onnx`). What was there under another name stays. Weights that no file can
 * hold go into `NAME_data` beside it, and `config.json` says which files have such a neighbour.
 *
 * @returns The files written, relative to the folder.
 */
export async function writeTransformersLayout(
  folder: string,
  source: string,
  models: ReadonlyMap<Dtype, Model>,
  { externalData = false }: { readonly externalData?: boolean } = {},
): Promise<readonly string[]> {
  const { writeModel } = await import('./model-file.ts')
  const written: string[] = []
  makeFolder(join(folder, 'onnx'))
  for (const [dtype, model] of models) {
    const name = layoutFile(source, dtype)
    const path = join(folder, name)
    const outside = await writeModel(model, path, { externalData, dataPath: `${path}_data` })
    if (!outside) rmSync(`${path}_data`, { force: true })
    written.push(name, ...(outside ? [`${name}_data`] : []))
  }
  written.push(...copyCompanions(folder, source))
  if (await tellExternalData(folder)) written.push(...(written.includes('config.json') ? [] : ['config.json']))
  return written
}

/** The one layout that there is. UserError for another word. */
export function layoutOf(name: string | undefined): 'transformers.js' | undefined {
  if (name === undefined || name === 'transformers.js') return name
  throw wrongCall(`--layout ${name}: there is no such layout`, 'choices: transformers.js')
}

/**
 * What a search has to offer under each name: the fastest of the candidates that passed or stayed close. Under the
 * original's own name stands the lossless model where it was shown to be right, else the original.
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
    const dtype = dtypeOf(recipe, original)
    if (!models.has(dtype)) models.set(dtype, model)
  }
  const float = dtypeOf({ steps: [] }, original)
  if (!models.has(float)) models.set(float, original)
  return models
}
