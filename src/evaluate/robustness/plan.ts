import { applicable, type Dataset, nudges, type Understood, understand } from '../../data/index.ts'
import { didYouMean, UserError } from '../../platform/index.ts'
import { rowsKind } from '../../report/index.ts'
import type { MetricOptions } from '../metric/metrics.ts'
import type { RobustnessOptions } from './options.ts'

/** What a run will do, settled before the first row is read. */
export interface RobustnessPlan {
  readonly understood: Understood
  readonly corruptions: readonly { readonly name: string; readonly group: string }[]
  readonly severities: readonly number[]
  /** Names of the tiny changes. */
  readonly nudges: readonly string[]
  readonly labelField: string | null
  readonly metricOptions: MetricOptions
  readonly margin: number
  readonly alpha: number
  readonly seed: number
  /** Rows that a whole run scores: the untouched ones, and as many for every change of them. */
  readonly rows: number
}

/** @throws UserError for unknown corruptions, severities and fields, and inputs that nothing is known of. */
export async function planOf(data: Dataset, options: RobustnessOptions): Promise<RobustnessPlan> {
  const { margin = 0.01, alpha = 0.05, seed = 0 } = options
  const severities = severitiesOf(options.severities)
  const understood = await understand(data, { modality: options.modality, range: options.range, seed })
  const corruptions = chosenCorruptions(understood, options.corruptions)
  const tiny = Object.keys(nudges[understood.modality])
  return {
    understood,
    corruptions,
    severities,
    nudges: tiny,
    labelField: labelFieldOf(data, options),
    metricOptions: { ...(data.classNames ? { classNames: data.classNames } : {}), ...options.metricOptions },
    margin,
    alpha,
    seed,
    rows: data.rows * (1 + corruptions.length * severities.length + tiny.length),
  }
}

function chosenCorruptions(understood: Understood, wanted: readonly string[] | undefined) {
  const known = applicable(understood)
  if (!wanted || wanted.length === 0) return known
  return wanted.map((name) => {
    const found = known.find((one) => one.name === name)
    if (found) return found
    const names = known.map((one) => one.name)
    throw new UserError('bad-argument', `there is no corruption "${name}" for ${rowsKind(understood.modality)}`, {
      where: '--corruptions',
      hint: `${didYouMean(name, names)}known: ${names.join(', ')}`,
    })
  })
}

function severitiesOf(given: readonly number[] = [1, 2, 3, 4, 5]): readonly number[] {
  const bad = given.find((severity) => !Number.isInteger(severity) || severity < 1 || severity > 5)
  if (bad !== undefined || given.length === 0)
    throw new UserError('bad-argument', `${bad ?? 'nothing'} is no severity`, {
      where: '--severities',
      hint: 'whole numbers from 1 (slight) to 5 (strong), for example 1,3,5',
    })
  return [...new Set(given)].sort()
}

function labelFieldOf(data: Dataset, { label }: RobustnessOptions): string | null {
  if (label === undefined) return data.fields.find(({ role }) => role === 'label')?.name ?? null
  if (data.fields.some(({ name }) => name === label)) return label
  throw new UserError('bad-argument', `the data has no field "${label}"`, {
    where: data.path,
    hint: `its fields are ${data.fields.map(({ name }) => name).join(', ')}`,
  })
}
