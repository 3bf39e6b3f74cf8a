import { elementCount, encodeNumbers, isFloating, type NumericArray } from '../../ir/index.ts'
import type { Column, Dataset } from '../dataset.ts'
import type { Modality, Understood } from './modality.ts'
import { type Nudge, nudges } from './nudges.ts'
import { pictureCorruptions } from './pictures.ts'
import { fromPicture, numbersIn, toPicture } from './pixel-space.ts'
import { type SeededDraws, seededDraws } from './seeded-draws.ts'
import { soundCorruptions } from './sounds.ts'
import { tableCorruptions } from './tables.ts'
import { textCorruptions } from './texts.ts'
import { transformed } from './transformed.ts'

/** Raised whenever a corruption's bytes change, so that no kept evidence of other bytes is used. */
const GENERATION = 1

const TABLES = { images: pictureCorruptions, audio: soundCorruptions, text: textCorruptions, table: tableCorruptions }

/** The corruptions of a modality with their groups, in the order in which reports show them. */
export function corruptionsOf(modality: Modality): readonly { readonly name: string; readonly group: string }[] {
  return Object.entries(TABLES[modality]).map(([name, { group }]) => ({ name, group }))
}

/** The corruptions that can do anything to this data: `category-shift` needs categories. */
export function applicable({ modality, places }: Understood): ReturnType<typeof corruptionsOf> {
  const categories = Object.values(places).some((field) => field.some((place) => place.categories !== null))
  return corruptionsOf(modality).filter(({ name }) => name !== 'category-shift' || categories)
}

/**
 * The data set with one corruption at a severity from 1 (slight) to 5. What happens to a row depends on the seed, the
 * corruption and the row's number alone: any model, batch and order meets the same bytes, and a higher severity meets
 * the same draws.
 */
export function corrupted(
  data: Dataset,
  understood: Understood,
  name: string,
  severity: number,
  seed: number,
): Dataset {
  const label = `corruption ${JSON.stringify([GENERATION, understood, name, severity, seed])}`
  const { modality, pixels, places, tokens, amplitude } = understood
  const twins = new Map(data.fields.map((field) => [field.name, field.twin ?? field.name]))
  const draws = (field: string, row: number) => seededDraws(seed, `${name}/${twins.get(field)}`, row)
  if (modality === 'text') {
    const { apply } = textCorruptions[name]!
    return transformed(data, understood.names, label, (column, field, indices) =>
      eachText(column, indices, (text, row) => apply(text, severity, draws(field, row))),
    )
  }
  if (modality === 'table') {
    const { apply } = tableCorruptions[name]!
    return transformed(data, understood.names, label, (column, field, indices) =>
      eachTableRow(column, indices, (values, row) =>
        bounded(apply(values, places[field]!, severity, draws(field, row)), tokens[field]),
      ),
    )
  }
  const change = (values: ArrayLike<number>, shape: readonly number[], field: string, random: SeededDraws) =>
    modality === 'images'
      ? fromPicture(
          pictureCorruptions[name]!.apply(toPicture(values, shape, pixels[field]!), severity, random),
          pixels[field]!,
        )
      : within(soundCorruptions[name]!.apply(Float64Array.from(values), severity, random), amplitude)
  return transformed(data, understood.names, label, (column, field, indices) =>
    eachRow(column, indices, (values, shape, row) => change(values, shape, field, draws(field, row))),
  )
}

/** The data set under one of the smallest changes of its modality (`nudges`). */
export function nudged(data: Dataset, understood: Understood, name: string): Dataset {
  const nudge: Nudge = nudges[understood.modality][name]!
  const label = `nudge ${JSON.stringify([GENERATION, understood, name])}`
  return transformed(data, understood.names, label, (column, field, indices) => {
    if (nudge.text) return eachText(column, indices, nudge.text)
    if (nudge.deviations !== undefined) {
      const places = understood.places[field]!
      return eachTableRow(column, indices, (values) =>
        values.map((value, i) =>
          typeof value === 'string' || places[i]!.categories || !isFloating(column.dtype)
            ? value
            : value + nudge.deviations! * places[i]!.deviation,
        ),
      )
    }
    return eachRow(column, indices, (values, shape) =>
      nudge.picture
        ? fromPicture(
            nudge.picture(toPicture(values, shape, understood.pixels[field]!)),
            understood.pixels[field]!,
            true,
          )
        : within(nudge.sound!(Float64Array.from(values)), understood.amplitude),
    )
  })
}

function within(samples: Float64Array, amplitude: readonly [number, number] | null): Float64Array {
  return amplitude ? samples.map((value) => Math.min(amplitude[1], Math.max(amplitude[0], value))) : samples
}

/** Values of a row, none beyond the limits where there are some. */
const bounded = (values: readonly (number | string)[], limits: readonly [number, number] | undefined) =>
  limits
    ? values.map((value) => (typeof value === 'string' ? value : Math.min(limits[1], Math.max(limits[0], value))))
    : values

function eachRow(
  column: Column,
  indices: readonly number[],
  change: (values: ArrayLike<number>, shape: readonly number[], row: number) => Float64Array,
): Column {
  const shape = column.dims.slice(1)
  const size = elementCount(shape)
  const numbers = numbersIn(column.data as NumericArray, column.dtype)
  const result = new Float64Array(numbers.length)
  for (const [i, row] of indices.entries())
    result.set(change(part(numbers, i * size, (i + 1) * size), shape, row), i * size)
  return { ...column, data: encodeNumbers(column.dtype, result) }
}

const part = (numbers: ArrayLike<number>, from: number, to: number): ArrayLike<number> =>
  ArrayBuffer.isView(numbers)
    ? (numbers as Float64Array).subarray(from, to)
    : Array.prototype.slice.call(numbers, from, to)

function eachText(column: Column, indices: readonly number[], change: (text: string, row: number) => string): Column {
  const texts = column.data as readonly string[]
  const size = texts.length / indices.length
  return { ...column, data: texts.map((text, i) => change(text, indices[Math.floor(i / size)]!)) }
}

function eachTableRow(
  column: Column,
  indices: readonly number[],
  change: (values: readonly (number | string)[], row: number) => readonly (number | string)[],
): Column {
  const isText = !ArrayBuffer.isView(column.data)
  const all = isText ? column.data : numbersIn(column.data, column.dtype)
  const size = all.length / indices.length
  const rows = indices.flatMap((row, i) =>
    change(Array.prototype.slice.call(all, i * size, (i + 1) * size) as (number | string)[], row),
  )
  return {
    ...column,
    data: isText ? rows.map(String) : encodeNumbers(column.dtype, Float64Array.from(rows as number[])),
  }
}
