import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
// What reads models and data is loaded when it is asked for: a verb that starts processes first has them come up meanwhile.
import type { Dataset } from '../data/index.ts'
import { fitsShape, type Model, shapeText } from '../ir/index.ts'
import { didYouMean, explainSystemError } from '../platform/index.ts'
import { refuseReplacing } from './output-file.ts'
import type { Arguments, OptionSpec } from './verb.ts'
import { wrongCall } from './wrong-call.ts'

/** Options that several verbs share, said once. */
export const DATA: OptionSpec = {
  type: 'string',
  value: 'D',
  help: 'rows: .npz, .jsonl, .csv, .parquet, .txt, a folder of images, or a folder with dataset.json',
}
export const SEED: OptionSpec = { type: 'string', value: 'N', help: 'seed of everything random (0)' }
export const OUT_FILE: OptionSpec = {
  type: 'string',
  short: 'o',
  value: 'FILE',
  help: 'where to write the model; its folder must exist',
}
export const SHAPE: OptionSpec = {
  type: 'string',
  multiple: true,
  value: 'x=1,3,224,224',
  help: 'size of an input whose dimensions are open; may be repeated',
}
export const KEEP_FLOAT: OptionSpec = {
  type: 'string',
  multiple: true,
  value: 'NODE|OP',
  help: 'leave this node, or all of this operator, in float; may be repeated',
}
export const MARGIN: OptionSpec = {
  type: 'string',
  value: 'M',
  help: 'the loss that would still be acceptable, in units of the metric (0.01)',
}
export const ALPHA: OptionSpec = {
  type: 'string',
  value: 'A',
  help: 'how often a loss beyond the margin may pass by chance (0.05: one time in twenty)',
}
export const THREADS: OptionSpec = { type: 'string', value: 'N', help: 'threads of the runtime (1)' }
export const RECIPE: OptionSpec = { type: 'string', value: 'FILE', help: 'also write the recipe, for whet apply' }
/** How rows are read: part of every verb that takes `--data`, because messages about rows name them. */
export const READING = {
  label: { type: 'string', value: 'FIELD', help: 'the field that holds the truth (labels)' },
  tokenizer: {
    type: 'string',
    value: 'FILE',
    help: 'for text: tokenizer.json or a llama2.c vocabulary; found beside the data or the model unless said',
  },
  tokens: { type: 'string', value: 'N', help: 'for text: tokens of a row at the most (256)' },
} as const satisfies Readonly<Record<string, OptionSpec>>
export const SLICE: OptionSpec = {
  type: 'string',
  multiple: true,
  value: 'FIELD',
  help: 'judge every value of this field on its own; may be repeated',
}
export const METRIC: OptionSpec = {
  type: 'string',
  value: 'NAME|./metric.mjs',
  help: 'how a row is scored; chosen by the labels unless said',
}

/** Where a model was read from: the tokenizer of a language model lies beside it. */
const folders = new WeakMap<Model, string>()

/**
 * The model of a path that the user gave.
 *
 * @throws UserError where it cannot be read, and where the call writes over weights that lie beside it.
 */
export async function modelAt(path: string, options: Arguments): Promise<Model> {
  const { externalLocations, readModel } = await import('./model-file.ts')
  const model = await readModel(path)
  const folder = dirname(path)
  folders.set(model, folder)
  const beside = [...externalLocations(model)].map((location) => join(folder, location))
  refuseReplacing(options, beside, path)
  return model
}

/**
 * The text of a file that the user named, without the byte order mark that some editors put first.
 *
 * @throws UserError where it cannot be read.
 */
export function textAt(path: string): string {
  try {
    return new TextDecoder().decode(readFileSync(path))
  } catch (error) {
    throw explainSystemError(error, path, 'read')
  }
}

/**
 * The `x=1,3,224,224` pairs of `--shape`, by the name of the input.
 *
 * @throws UserError for anything but such a pair, for an input that `model` does not have, and for sizes that it cannot
 * take.
 */
export function shapesOf(options: Arguments, model?: Model): Readonly<Record<string, readonly number[]>> {
  const inputs = model?.graph.inputs.map(({ name }) => name)
  const entries = options.list('shape').map((text) => {
    const at = text.lastIndexOf('=')
    const name = text.slice(0, at)
    const dims = text
      .slice(at + 1)
      .split(',')
      .map(Number)
    if (at <= 0 || dims.some((dim) => !Number.isInteger(dim) || dim < 0))
      throw wrongCall(`--shape ${text}: not INPUT=N,N,…`, 'for example --shape x=1,3,224,224')
    if (inputs && !inputs.includes(name))
      throw wrongCall(
        `--shape ${text}: the model has no input "${name}"`,
        `${didYouMean(name, inputs)}its inputs are ${inputs.join(', ')}`,
      )
    const declared = model?.graph.inputs.find((input) => input.name === name)?.type
    // The runtime refuses another size where the model names one, so figures for it would be of no model.
    if (declared?.kind === 'tensor' && declared.shape && !fitsShape(dims, declared.shape))
      throw wrongCall(
        `--shape ${text}: the model declares ${name}${shapeText(declared.shape)}`,
        'give as many numbers as it has dimensions, and its own where it names one; only the others are open',
      )
    return [name, dims] as const
  })
  return Object.fromEntries(entries)
}

/** The rows that an option such as `--proof` names, where the call has it; see `dataFor`. */
export async function dataAt(option: string, model: Model, options: Arguments): Promise<Dataset | undefined> {
  const path = options.text(option)
  return path ? dataFor(path, model, options) : undefined
}

/**
 * The data set at `path`, matched to the inputs of the model. Rows that are to be judged have their truth, which of a text
 * follows from what the model gives; those that only want answers (`judged` false) are fed as they stand.
 */
export async function dataFor(path: string, model: Model, options: Arguments, judged = true): Promise<Dataset> {
  const { inputPorts, openDataset, outputPorts } = await import('./data-set.ts')
  const inputs = inputPorts(model)
  const outputs = judged ? { outputs: outputPorts(model) } : {}
  const label = options.text('label')
  const slices = options.list('slice')
  const tokenizer = options.text('tokenizer')
  const folder = folders.get(model)
  const window = options.givenInteger('tokens', 256, 2, 1 << 20)
  const text = { tokenizer, ...(folder ? { folders: [folder] } : {}), window }
  return openDataset(path, { inputs, ...outputs, text, label, ...(slices.length > 0 ? { slices } : {}) })
}
