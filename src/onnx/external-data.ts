import type { ByteRange } from '../ir/index.ts'
import { FileSource, resolveInside } from '../platform/index.ts'
import { badModel, type Place } from './problem.ts'

/** Opens external data files of one model: each once, and only inside the model's folders. */
export class ExternalFiles {
  readonly #baseDir: string | undefined
  readonly #homeDir: string | undefined
  readonly #open = new Map<string, FileSource>()

  constructor(baseDir: string | undefined, homeDir = baseDir) {
    this.#baseDir = baseDir
    this.#homeDir = homeDir
  }

  /**
   * The range that `external_data` entries name. `expected` is the byte length that dtype and dims ask for, or
   * undefined where they do not tell. Everything that can be wrong is found now (UserError `bad-model`), except
   * without a base folder, where the error comes when somebody reads.
   */
  range(entries: readonly (readonly [string, string])[], expected: number | undefined, place: Place): ByteRange {
    const fields = new Map(entries)
    const location = fields.get('location')
    if (location === undefined || location === '')
      throw badModel('a tensor is stored outside the file, but no location is given', place)
    const offset = wholeNumber(fields.get('offset') ?? '0', 'offset', place)
    const stated = fields.has('length') ? wholeNumber(fields.get('length')!, 'length', place) : undefined
    if (stated !== undefined && expected !== undefined && stated !== expected)
      throw badModel(
        `external data of ${stated} bytes is given for a tensor that takes ${expected}`,
        place,
        `check that ${location} belongs to this model`,
      )
    if (this.#baseDir === undefined) return unreachable(location, stated ?? expected ?? 0, place)
    const source = this.#source(location, this.#baseDir, place)
    const length = stated ?? expected ?? Math.max(0, source.byteLength - offset)
    if (offset + length > source.byteLength)
      throw badModel(
        `external data ends at byte ${offset + length}, but ${location} has only ${source.byteLength} bytes`,
        place,
        `copy ${location} again: it was cut short or belongs to another model`,
      )
    return source.range(offset, length)
  }

  #source(location: string, baseDir: string, place: Place): FileSource {
    let source = this.#open.get(location)
    if (!source) {
      const found = resolveInside(baseDir, location, this.#homeDir)
      if ('refused' in found)
        throw badModel(
          `the external data file ${JSON.stringify(location)} ${found.refused}`,
          place,
          found.missing
            ? `copy ${location} into the folder of the model: the weights are in it`
            : 'external data must be an ordinary file in the folder of the model',
        )
      source = new FileSource(found.path)
      this.#open.set(location, source)
    }
    return source
  }
}

function wholeNumber(text: string, field: string, place: Place): number {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
  if (!Number.isSafeInteger(value))
    throw badModel(`the ${field} of external data is ${JSON.stringify(text)}, which is not a byte count`, place)
  return value
}

function unreachable(location: string, byteLength: number, place: Place): ByteRange {
  return {
    byteLength,
    read() {
      throw badModel(
        `a tensor is stored in the file ${JSON.stringify(location)}, and the folder of the model is not known`,
        place,
        'give the folder: decodeModel(bytes, { baseDir }), or read the file with readModel(path); a page has no folder: there, give it one file, as Node writes it with writeModel(await readModel(path), "one.onnx")',
      )
    },
  }
}
