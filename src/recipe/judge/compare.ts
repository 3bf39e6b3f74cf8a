import type { Dataset } from '../../data/index.ts'
import { type IsolatedSession, openIsolated } from '../../engine/index.ts'
import { type CompareOptions, compare } from '../../evaluate/index.ts'
import type { Model } from '../../ir/index.ts'
import type { ComparisonReport } from '../../report/index.ts'
import { timed } from './compare-gated.ts'
import { withGains } from './gains.ts'
import { nameModels } from './name-models.ts'
import { type NamedModel, ownInputs } from './own-inputs.ts'

/**
 * Is the candidate as good as the base on these rows? Both models run in processes of their own, so that a fault of
 * the runtime is a message and not the end. Hidden slices, gaps and the tail are looked for unless `deep` is false.
 * With `timing`, both are timed by turns as well. A model that wants the rows in another form brings its own
 * (`NamedModel.data`).
 */
export async function compareModels(
  base: Model | string | NamedModel,
  candidate: Model | string | NamedModel,
  rows: Dataset,
  { timing = false, ...options }: CompareOptions & { readonly timing?: boolean } = {},
): Promise<ComparisonReport> {
  const named = [base, candidate].filter(isNamed)
  const { data, fit } = await ownInputs(named, rows)
  const [first, second] = [modelOf(base), modelOf(candidate)]
  const open = async (model: Model | string) => {
    const name = named.find((given) => given.model === model)?.name
    const session = await openIsolated(model, {}, name === undefined ? {} : { name })
    return fit ? fit(model, session) : session
  }
  const report = await judge(open, [first, second], data, options)
  if (typeof first === 'string' || typeof second === 'string') return report
  const names = [base, candidate].map((given, i) => (isNamed(given) ? given.name : ['base', 'candidate'][i]!))
  const pair = [first, second].map((model, i) => ({ name: names[i]!, model }))
  const { signal } = options
  const latency = timing ? await timed(pair, data, { maxSeconds: 3, fit, signal }) : undefined
  return withGains(report, [first, second], latency)
}

async function judge(
  open: (model: Model | string) => Promise<IsolatedSession>,
  [base, candidate]: readonly [Model | string, Model | string],
  data: Dataset,
  options: CompareOptions,
): Promise<ComparisonReport> {
  const first = await open(base)
  try {
    const second = await open(candidate)
    try {
      return nameModels(await compare(first, second, data, { ...options, deep: options.deep ?? true }), base, candidate)
    } finally {
      await second.close()
    }
  } finally {
    await first.close()
  }
}

const modelOf = (given: Model | string | NamedModel): Model | string => (isNamed(given) ? given.model : given)

const isNamed = (given: Model | string | NamedModel): given is NamedModel =>
  typeof given !== 'string' && 'model' in given
