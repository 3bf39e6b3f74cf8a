import { type Call, floatsOf, input, intOf, intsOf, type Kernels, made, stringsOf, textOf } from './call.ts'
import { broadcastDims, broadcastTo } from './layout.ts'
import { EvaluationError, int64, type Nd, nd, numbersOf } from './value.ts'

const textsOf = (value: Nd): readonly string[] => {
  if (value.dtype !== 'string') throw new EvaluationError(`${value.dtype} where strings are expected`)
  return value.data as readonly string[]
}

/** The parts and how many there are; shorter rows are filled with ''. Without a delimiter runs of spaces divide. */
function stringSplit(call: Call): Nd[] {
  const x = input(call, 0)
  const delimiter = textOf(call, 'delimiter', '')
  const most = intOf(call, 'maxsplit', -1)
  const parts = textsOf(x).map((text) => split(text, delimiter, most < 0 ? Number.POSITIVE_INFINITY : most))
  const width = parts.reduce((most, list) => Math.max(most, list.length), 0)
  const cells = parts.flatMap((list) => [...list, ...new Array<string>(width - list.length).fill('')])
  return [
    nd('string', [...x.dims, width], cells),
    int64(
      parts.map((list) => list.length),
      x.dims,
    ),
  ]
}

function split(text: string, delimiter: string, most: number): string[] {
  const parts: string[] = []
  let rest = delimiter === '' ? text.trim() : text
  if (rest === '') return delimiter === '' ? [] : ['']
  while (parts.length < most) {
    const at = delimiter === '' ? rest.search(/\s/) : rest.indexOf(delimiter)
    if (at < 0) break
    parts.push(rest.slice(0, at))
    rest = delimiter === '' ? rest.slice(at).trimStart() : rest.slice(at + delimiter.length)
  }
  return [...parts, rest]
}

function stringNormalizer(call: Call): Nd[] {
  const x = input(call, 0)
  const action = textOf(call, 'case_change_action', 'NONE')
  const sensitive = intOf(call, 'is_case_sensitive', 0) === 1
  const fold = (text: string) => (sensitive ? text : text.toLowerCase())
  const stop = new Set((stringsOf(call, 'stopwords') ?? []).map(fold))
  const kept = textsOf(x)
    .filter((text) => !stop.has(fold(text)))
    .map((text) => (action === 'LOWER' ? text.toLowerCase() : action === 'UPPER' ? text.toUpperCase() : text))
  const words = kept.length > 0 ? kept : ['']
  return [nd('string', [...x.dims.slice(0, -1), words.length], words)]
}

/** Counts of the n-grams of a pool, in which the n-grams of each length lie one after another. */
function tfIdf(call: Call): Nd[] {
  const x = input(call, 0)
  const [least, most] = [intOf(call, 'min_gram_length', 1), intOf(call, 'max_gram_length', 1)]
  const skips = intOf(call, 'max_skip_count', 0)
  const starts = intsOf(call, 'ngram_counts') ?? []
  const places = intsOf(call, 'ngram_indexes') ?? []
  const pool: readonly (string | number)[] = stringsOf(call, 'pool_strings') ?? intsOf(call, 'pool_int64s') ?? []
  const weights = floatsOf(call, 'weights')
  const mode = textOf(call, 'mode', 'TF')
  const key = (items: readonly (string | number)[]) => items.join('\u0000')
  const known = new Map<string, number>()
  for (const [i, start] of starts.entries()) {
    const end = starts[i + 1] ?? pool.length
    for (let at = start; at < end; at += i + 1) known.set(key(pool.slice(at, at + i + 1)), known.size)
  }
  const width = Math.max(...places) + 1
  const rows = x.dims.length === 2 ? x.dims[0]! : 1
  const cells: readonly (string | number)[] = x.dtype === 'string' ? textsOf(x) : Array.from(numbersOf(x))
  const span = cells.length / Math.max(1, rows)
  const out = new Float64Array(rows * width)
  for (let row = 0; row < rows; row++) {
    const items = cells.slice(row * span, (row + 1) * span)
    const counts = new Float64Array(known.size)
    for (let size = least; size <= most; size++)
      // A single item has nothing to skip.
      for (let skip = 0; skip <= (size === 1 ? 0 : skips); skip++)
        for (let at = 0; at + (size - 1) * (skip + 1) < items.length; at++) {
          const gram = Array.from({ length: size }, (_, i) => items[at + i * (skip + 1)]!)
          const found = known.get(key(gram))
          if (found !== undefined) counts[found]!++
        }
    for (const [gram, count] of counts.entries()) {
      const weight = weights?.[gram] ?? 1
      const value = mode === 'TF' ? count : mode === 'IDF' ? (count > 0 ? weight : 0) : count * weight
      out[row * width + places[gram]!] = value
    }
  }
  return [made(call, 'float32', x.dims.length === 2 ? [rows, width] : [width], out)]
}

export const strings: Kernels = {
  StringConcat: (call) => {
    const [a, b] = [input(call, 0), input(call, 1)]
    const dims = broadcastDims(a.dims, b.dims)
    const right = textsOf(broadcastTo(b, dims))
    return [
      nd(
        'string',
        dims,
        textsOf(broadcastTo(a, dims)).map((text, i) => text + right[i]!),
      ),
    ]
  },
  StringSplit: stringSplit,
  StringNormalizer: stringNormalizer,
  RegexFullMatch: (call) => {
    const x = input(call, 0)
    let pattern: RegExp
    try {
      pattern = new RegExp(`^(?:${textOf(call, 'pattern', '')})$`, 'u')
    } catch {
      throw new EvaluationError('a pattern that is no regular expression here')
    }
    return [
      nd(
        'bool',
        x.dims,
        Float64Array.from(textsOf(x), (text) => (pattern.test(text) ? 1 : 0)),
      ),
    ]
  },
  TfIdfVectorizer: tfIdf,
}
