import { UserError } from '../platform/index.ts'
import { didYouMean, listNames } from './list-names.ts'
import type { Preprocessing } from './preprocessing.ts'
import { KERNELS, type Size } from './resample.ts'

type Given = Readonly<Record<string, unknown>>

/** One object of a file and how its mistakes are told. `name` is what the file calls it. */
interface Place {
  readonly name: string
  readonly file: string
}

const FIELDS = [
  'resize',
  'letterbox',
  'crop',
  'kernel',
  'antialias',
  'channels',
  'scale',
  'mean',
  'std',
  'layout',
  'dtype',
] as const
const LETTERBOX_FIELDS = ['size', 'pad', 'align'] as const

/**
 * Reads the `preprocessing` object of a dataset.json over what was inferred.
 *
 * @throws UserError `bad-data` that names the first field which is not known or holds what it cannot.
 */
export function parsePreprocessing(given: Given, base: Preprocessing, file: string): Preprocessing {
  const at = { name: 'preprocessing', file }
  mustBeKnown(given, FIELDS, at)
  const channels = oneOf(given, 'channels', ['rgb', 'bgr', 'gray'], base.channels, at)
  const letterbox = letterboxOf(given, at)
  const crop = given.crop === undefined ? undefined : sizeOf(given, 'crop', at)
  const { resize: inferred, ...rest } = base
  // A size that was inferred holds until another is named.
  const resize = given.resize === undefined ? (letterbox || crop ? undefined : inferred) : resizeOf(given, at)
  return {
    ...rest,
    ...(resize === undefined ? {} : { resize }),
    ...(letterbox ? { letterbox } : {}),
    ...(crop ? { crop } : {}),
    kernel: oneOf(given, 'kernel', KERNELS, base.kernel, at),
    antialias: oneOf(given, 'antialias', [true, false], base.antialias, at),
    channels,
    scale: scaleOf(given, at) ?? base.scale,
    mean: byChannel(given, 'mean', channels, at) ?? base.mean,
    std: stdOf(given, channels, at) ?? base.std,
    layout: oneOf(given, 'layout', ['nchw', 'nhwc'], base.layout, at),
    dtype: oneOf(given, 'dtype', ['float32', 'uint8'], base.dtype, at),
  }
}

function letterboxOf(given: Given, at: Place): Preprocessing['letterbox'] {
  const { letterbox } = given
  if (letterbox === undefined) return undefined
  if (typeof letterbox !== 'object' || letterbox === null || Array.isArray(letterbox))
    throw mistake(at, 'letterbox', 'an object like {"size": [416, 416], "pad": 114}')
  if (given.resize !== undefined)
    throw mistake(at, 'letterbox', 'left out where there is a "resize", or the other way round')
  const fields = letterbox as Given
  const inside = { ...at, name: `${at.name}.letterbox` }
  mustBeKnown(fields, LETTERBOX_FIELDS, inside)
  const { pad = 114 } = fields
  if (typeof pad !== 'number' || !Number.isInteger(pad) || pad < 0 || pad > 255)
    throw mistake(inside, 'pad', 'a pixel value from 0 to 255')
  const align = oneOf(fields, 'align', ['center', 'top-left'], 'center', inside)
  return { size: sizeOf(fields, 'size', inside), pad, align }
}

/** One number is the length of the shorter edge. */
function resizeOf(given: Given, at: Place): Size | number {
  return isEdge(given.resize) ? given.resize : sizeOf(given, 'resize', at)
}

/** Height and width; one number stands for both. */
function sizeOf(given: Given, field: string, at: Place): Size {
  const value = given[field]
  if (isEdge(value)) return [value, value]
  if (Array.isArray(value) && value.length === 2 && value.every(isEdge)) return [value[0]!, value[1]!]
  throw mistake(at, field, 'a number of pixels or [height, width]')
}

const isEdge = (value: unknown): value is number => Number.isInteger(value) && (value as number) > 0

const isNumber = (value: unknown): value is number => Number.isFinite(value)

function scaleOf({ scale }: Given, at: Place): number | undefined {
  if (scale === undefined || isNumber(scale)) return scale
  throw mistake(at, 'scale', 'a number, for example 0.00392156862745098')
}

function stdOf(given: Given, channels: Preprocessing['channels'], at: Place) {
  const std = byChannel(given, 'std', channels, at)
  if (std?.includes(0)) throw mistake(at, 'std', 'not 0')
  return std
}

/** One number for all channels, or one for each. */
function byChannel(given: Given, field: string, channels: Preprocessing['channels'], at: Place) {
  const value = given[field]
  if (value === undefined) return undefined
  const numbers: readonly unknown[] = Array.isArray(value) ? value : [value]
  const wanted = channels === 'gray' ? 1 : 3
  if (numbers.every(isNumber) && [1, wanted].includes(numbers.length)) return numbers
  throw mistake(at, field, `a number or ${wanted} numbers, one a channel in the order of "channels"`)
}

function oneOf<const T, U>(given: Given, field: string, allowed: readonly T[], otherwise: U, at: Place): T | U {
  const value = given[field]
  if (value === undefined) return otherwise
  if (!allowed.includes(value as T)) throw mistake(at, field, `one of ${allowed.join(', ')}`)
  return value as T
}

function mustBeKnown(given: Given, fields: readonly string[], { name, file }: Place): void {
  const unknown = Object.keys(given).find((field) => !fields.includes(field))
  if (unknown === undefined) return
  throw new UserError('bad-data', `"${name}.${unknown}" in "${file}" is not known.`, {
    where: file,
    hint: `It may have ${listNames(fields)}.${didYouMean(unknown, fields)}`,
  })
}

function mistake({ name, file }: Place, field: string, want: string): UserError {
  return new UserError('bad-data', `"${name}.${field}" in "${file}" must be ${want}.`, {
    where: `"${file}", ${field}`,
    hint: 'docs/datasets.md lists what each field takes.',
  })
}
