import { isMap, isScalar } from 'yaml'
import { sha256, UserError } from '../../platform/index.ts'
import { metricNamed } from '../metric/metrics.ts'
import type { GateSpec, Limit, Limits, MarginFor } from './spec.ts'
import { type Entry, YamlReader } from './yaml-reader.ts'

/** What a gate file may say. */
export const GATE_KEYS = [
  'version',
  'metric',
  'data',
  'margin',
  'alpha',
  'inconclusive',
  'metrics',
  'slices',
  'errors',
  'latency',
  'size',
  'memory',
  'robustness',
  'fairness',
] as const

/**
 * Reads a gate file. Every key is optional; what is not there limits nothing.
 *
 * @throws UserError `bad-argument` with file and line: for YAML that does not parse, an unknown key (with the nearest
 * known), a value of the wrong kind.
 */
export function parseGate(text: string, file: string): GateSpec {
  const reader = new YamlReader(text, file)
  const top = new Map(reader.entries(reader.root, 'a gate file', 1, GATE_KEYS).map((entry) => [entry.key, entry]))
  const version = top.get('version')
  if (version && reader.number(version, '') !== 1)
    throw reader.error('this version reads gate files of version 1', version.line)
  const inconclusive = top.get('inconclusive')
  const blocks = inconclusive ? reader.choice(inconclusive, ['block', 'allow']) === 'block' : null
  const limit = (key: string, most = Infinity): Limit | null => {
    const entry = top.get(key)
    return entry ? { value: reader.number(entry, '', { most }), line: entry.line } : null
  }
  const metric = top.get('metric')
  return {
    file,
    digest: sha256(text),
    metric: metric ? knownMetric(reader, reader.text(metric), metric.line) : null,
    data: section(reader, top.get('data')).map((entry) => ({
      model: entry.key,
      path: reader.text(entry),
      line: entry.line,
    })),
    margin: limit('margin'),
    alpha: limit('alpha', 0.5),
    metrics: margins(reader, top.get('metrics'), blocks ?? true).map((one) => ({
      ...one,
      name: knownMetric(reader, one.name, one.line),
    })),
    // Of many slices some are small: they hold a gate back only where the file says so.
    slices: margins(reader, top.get('slices'), blocks ?? false),
    errors: limits(reader, top.get('errors'), { maxRatio: {} }),
    latency: limits(reader, top.get('latency'), { maxRatio: {}, maxP50Ms: {}, maxP90Ms: {}, maxP99Ms: {} }),
    size: limits(reader, top.get('size'), { maxBytes: { size: true }, maxRatio: {} }),
    memory: limits(reader, top.get('memory'), { maxRssBytes: { size: true }, maxRatio: {} }),
    robustness: robustnessOf(reader, top.get('robustness')),
    fairness: section(reader, top.get('fairness')).map((entry) => ({
      field: entry.key,
      maxGapGrowth: onlyNumber(reader, entry, 'fairness', 'maxGapGrowth'),
      line: entry.line,
    })),
  }
}

/** A name that no metric has is a mistake of this line, and found before any model runs. */
function knownMetric(reader: YamlReader, name: string, line: number): string {
  try {
    metricNamed(name)
    return name
  } catch (error) {
    if (error instanceof UserError) throw reader.error(error.message, line, error.hint)
    throw error
  }
}

const section = (reader: YamlReader, entry: Entry | undefined, known?: readonly string[]) =>
  entry ? reader.entries(entry.value, entry.key, entry.line, known) : []

function limits<K extends string>(
  reader: YamlReader,
  entry: Entry | undefined,
  known: { readonly [key in K]: { readonly size?: boolean } },
): Limits<K> {
  const read = section(reader, entry, Object.keys(known)).map((inner) => {
    const value = reader.number(inner, entry!.key, known[inner.key as K])
    return [inner.key, { value, line: inner.line }] as const
  })
  return Object.fromEntries(read) as Limits<K>
}

function robustnessOf(reader: YamlReader, entry: Entry | undefined): GateSpec['robustness'] {
  const inner = section(reader, entry, ['margin', 'maxMce', 'corruptions', 'severities'])
  const read = inner.map((one) => {
    if (one.key === 'corruptions') return [one.key, reader.list(one).map(String)] as const
    if (one.key !== 'severities') return [one.key, { value: reader.number(one, 'robustness'), line: one.line }] as const
    const severities = reader.list(one).map(Number)
    if (severities.every((value) => Number.isInteger(value) && value >= 1 && value <= 5))
      return [one.key, severities] as const
    throw reader.error('severities are whole numbers from 1 to 5', one.line)
  })
  return Object.fromEntries(read)
}

/** `top5: 0.02`, or `top5: { margin: 0.02, inconclusive: allow }`. */
function margins(reader: YamlReader, entry: Entry | undefined, blocks: boolean): readonly MarginFor[] {
  return section(reader, entry).map((named) => {
    const { key, value, line } = named
    const bare = { name: key, margin: null, blocks, line }
    if (value === null || (isScalar(value) && value.value === null)) return bare
    if (!isMap(value)) {
      const margin = reader.number(named, entry!.key)
      return { ...bare, margin }
    }
    const inner = new Map(
      reader.entries(value, `${entry!.key}.${key}`, line, ['margin', 'inconclusive']).map((one) => [one.key, one]),
    )
    const [margin, inconclusive] = [inner.get('margin'), inner.get('inconclusive')]
    return {
      ...bare,
      ...(margin ? { margin: reader.number(margin, `${entry!.key}.${key}`) } : {}),
      ...(inconclusive ? { blocks: reader.choice(inconclusive, ['block', 'allow']) === 'block' } : {}),
    }
  })
}

/** `font: 0.02`, or `font: { maxGapGrowth: 0.02 }`. */
function onlyNumber(reader: YamlReader, entry: Entry, what: string, name: string): number {
  if (!isMap(entry.value)) return reader.number(entry, what)
  const inner = reader.entries(entry.value, `${what}.${entry.key}`, entry.line, [name])
  if (inner.length === 0) throw reader.error(`${what}.${entry.key} needs ${name}`, entry.line)
  return reader.number(inner[0]!, `${what}.${entry.key}`)
}
