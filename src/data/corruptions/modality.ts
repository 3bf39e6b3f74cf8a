import { isFloating, shapeText } from '../../ir/index.ts'
import { UserError } from '../../platform/index.ts'
import type { Dataset, Field } from '../dataset.ts'
import { sampleRows } from '../split-rows.ts'
import { knowColumns, type PlaceKnowledge } from './column-knowledge.ts'
import { channelsOf, type PixelSpace } from './pixel-space.ts'

/** What the inputs of a model are, which decides what can go wrong with them. */
export const MODALITIES = ['images', 'audio', 'text', 'table'] as const
export type Modality = (typeof MODALITIES)[number]

/** What corruptions need to know of a data set before they touch a row. */
export interface Understood {
  readonly modality: Modality
  /** The input fields that are corrupted. */
  readonly names: readonly string[]
  /** For images, by field. */
  readonly pixels: Readonly<Record<string, PixelSpace>>
  /** Least and greatest value of a sound; null where the samples are not in [−1, 1]. */
  readonly amplitude: readonly [number, number] | null
  /** For tables, by field. */
  readonly places: Readonly<Record<string, readonly PlaceKnowledge[]>>
  /** Fields of whole numbers that may be tokens: least and greatest that were seen, as a model's table ends somewhere. */
  readonly tokens: Readonly<Record<string, readonly [number, number]>>
  readonly notes: readonly string[]
}

/** What the user says of the inputs; the rest is read off the rows. */
export interface UnderstandOptions {
  /** What the inputs are, where it cannot be told or was told wrongly. */
  readonly modality?: Modality | undefined
  /** Value of black and of white, of all channels. */
  readonly range?: readonly [number, number] | undefined
  readonly seed?: number | undefined
}

/** Rows that are looked at for ranges, means and categories. */
const SAMPLED_ROWS = 256
/** A vector of this many numbers, all in [−1, 1] and of both signs, is a sound. */
const SHORTEST_SOUND = 400
/** A vector of this many whole numbers may be a text. */
const SHORTEST_TEXT = 8

/**
 * What the inputs of a data set are: pictures by their shape, texts by their type, a long vector of numbers in [−1, 1] a
 * sound, other numbers a table. Value ranges come from the declared preprocessing or domain, else from some rows.
 *
 * @throws UserError where no input can be corrupted, or the modality that was asked for does not fit.
 */
export async function understand(data: Dataset, options: UnderstandOptions = {}): Promise<Understood> {
  const inputs = data.fields.filter(({ role }) => role === 'input')
  const fail = (message: string, hint: string) => new UserError('bad-data', message, { where: data.path, hint })
  if (inputs.length === 0) throw fail('no field of the data feeds the model', 'name a field after the model’s input')
  const images = inputs.filter(({ rowShape }) => channelsOf(rowShape))
  const texts = inputs.filter(({ dtype }) => dtype === 'string')
  const guess = images.length > 0 ? 'images' : texts.length === inputs.length ? 'text' : null
  const modality = options.modality ?? guess
  if (modality === 'images' && images.length === 0)
    throw fail(
      `no input is shaped like an image (${inputs.map(shown).join(', ')})`,
      'images are [channels, height, width] or [height, width, channels]',
    )
  if (modality === 'text' && texts.length === 0)
    throw fail(
      `no input holds text (${inputs.map(shown).join(', ')})`,
      'a model that takes numbers of tokens can only be tried on texts that are tokenized anew',
    )
  if (modality === 'text') return nothingKnown('text', texts.map(nameOf))
  const chosen = (modality === 'images' ? images : inputs).map(nameOf)
  const indices = sampleRows(data.rows, SAMPLED_ROWS, options.seed ?? 0)
  if (modality === 'images') return pixelsOf(data, images, indices, options)
  const places = await knowColumns(data, chosen, indices)
  const sound = inputs.length === 1 && looksLikeSound(inputs[0]!, places[inputs[0]!.name]!)
  if (modality === 'audio' || (modality === null && sound)) {
    const floats = inputs.filter(({ dtype }) => isFloating(dtype)).map(nameOf)
    if (floats.length === 0) throw fail('no input holds floating samples', 'decode the recordings to float32')
    const within = floats.every((name) => places[name]!.every(({ low, high }) => low >= -1 && high <= 1))
    return { ...nothingKnown('audio', floats), amplitude: within ? [-1, 1] : null }
  }
  if (data.rows > 0 && chosen.some((name) => places[name]!.length === 0))
    throw fail('the rows have different lengths', 'say what they are with --as audio, or bring them to one length')
  const codes = modality === null ? inputs.filter((field) => looksLikeTokens(field, places[field.name]!)) : []
  // Masks and types beside tokens say where these are: they are no columns.
  const beside = (field: Field) =>
    !codes.includes(field) && codes.some((one) => isWhole(field) && shapeOf(one) === shapeOf(field))
  const corrupted = inputs.filter((field) => !beside(field)).map(nameOf)
  const tokens = Object.fromEntries(codes.map(({ name }) => [name, rangeOf(places[name]!)]))
  return { ...nothingKnown('table', corrupted), places, tokens, notes: codes.map(tokenNote) }
}

const nameOf = ({ name }: Field) => name
const shapeOf = ({ rowShape }: Field) => rowShape.join()
const isWhole = ({ dtype }: Field) => /^u?int/.test(dtype)
const shown = ({ name, rowShape }: Field) => `${name} ${shapeText(rowShape)}`
const nothingKnown = (modality: Modality, names: readonly string[]): Understood => ({
  modality,
  names,
  pixels: {},
  amplitude: null,
  places: {},
  tokens: {},
  notes: [],
})

function looksLikeSound({ dtype, rowShape }: Field, places: readonly PlaceKnowledge[]): boolean {
  const long = Math.max(0, ...rowShape.map((dim) => dim ?? Infinity))
  const other = rowShape.filter((dim) => dim !== 1).length
  return (
    isFloating(dtype) &&
    other <= 1 &&
    long >= SHORTEST_SOUND &&
    places.every(({ low, high }) => low >= -1 && high <= 1) &&
    places.some(({ low }) => low < 0)
  )
}

/** Many whole numbers a row, of many values at the same place: a text in numbers rather than columns of a table. */
function looksLikeTokens(field: Field, places: readonly PlaceKnowledge[]): boolean {
  return (
    isWhole(field) &&
    field.rowShape.filter((dim) => dim !== 1).length === 1 &&
    places.length >= SHORTEST_TEXT &&
    places.some(({ categories, low, high }) => categories === null && low < high)
  )
}

const tokenNote = ({ name }: Field) =>
  `The whole numbers of "${name}" are changed as columns of a table are, within those that were seen. If they are tokens of a text, these are not the mistakes that people make in texts: only a model that takes the text itself can be tried on those (--as table says that it is a table).`

async function pixelsOf(
  data: Dataset,
  fields: readonly Field[],
  indices: readonly number[],
  { range }: UnderstandOptions,
): Promise<Understood> {
  const pixels: Record<string, PixelSpace> = {}
  const notes: string[] = []
  for (const { name, rowShape } of fields) {
    const { channelsFirst, channels } = channelsOf(rowShape)!
    const declared = range ? [range] : (data.pixels?.[name] ?? (data.domains[name] ? [data.domains[name]] : null))
    const ranges = declared ?? [await rangeSeen(data, name, indices)]
    if (ranges.some(([low, high]) => !(high > low)))
      throw new UserError('bad-data', `all pixels of "${name}" have the same value`, {
        where: data.path,
        hint: 'say which values are black and white with --range 0,1',
      })
    if (!declared)
      notes.push(
        `The values of "${name}" were taken to reach from ${withoutTail(ranges[0]![0])} (black) to ${withoutTail(ranges[0]![1])} (white), by ${indices.length < data.rows ? `${indices.length} of the rows` : 'the rows'}; say it with --range, or declare the domain in a dataset.json.`,
      )
    pixels[name] = { channelsFirst, channels, ranges }
  }
  return { ...nothingKnown('images', fields.map(nameOf)), pixels, notes }
}

/** Least and greatest value of all places. */
function rangeOf(places: readonly PlaceKnowledge[]): readonly [number, number] {
  const low = places.reduce((least, place) => Math.min(least, place.low), Infinity)
  const high = places.reduce((most, place) => Math.max(most, place.high), -Infinity)
  return [low, high]
}

/** The usual range that holds all values seen, else their own. */
async function rangeSeen(data: Dataset, name: string, indices: readonly number[]): Promise<readonly [number, number]> {
  const [low, high] = rangeOf((await knowColumns(data, [name], indices))[name]!)
  if (low >= 0 && high <= 1) return [0, 1]
  if (low >= -1 && high <= 1) return [-1, 1]
  if (low >= 0 && high <= 255 && high > 2) return [0, 255]
  return [low, high]
}

/** A value of a row without the digits that float32 does not have. */
const withoutTail = (value: number): number => Number(value.toPrecision(7))
