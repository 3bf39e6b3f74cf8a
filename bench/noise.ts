// What each repair of static int8 does to the noise, on the cases of the yardstick: no times, so the machine may be busy.
// Run after a build: node dist/bench/noise.js [CASE…]
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { lowestSqnrDb } from '../src/evaluate/index.ts'
import { readModel } from '../src/index.ts'
import { type CandidateSpec, noCache, Workbench } from '../src/recipe/index.ts'
import { type Case, casesOf } from './cases.ts'

/** Selection rows that judge. */
const ROWS = 40

const REPAIRED = { correctBias: true, rounding: 'sums' } as const
const PLAIN = { correctBias: false, rounding: 'nearest' } as const

/** Full ranges unless a setting says otherwise; the order of the columns. */
const SETTINGS: Readonly<Record<string, Pick<CandidateSpec, 'calibration' | 'smooth' | 'pass'>>> = {
  plain: { pass: PLAIN },
  bias: { pass: { ...PLAIN, correctBias: true } },
  sums: { pass: { ...PLAIN, rounding: 'sums' } },
  'bias and sums': { pass: REPAIRED },
  equal: { pass: { ...REPAIRED, equalise: 0.5 } },
  smooth: { smooth: 0.5, pass: REPAIRED },
  percentile: { calibration: 'percentile', pass: REPAIRED },
  mse: { calibration: 'mse', pass: REPAIRED },
  'least noise': { calibration: 'least-noise', pass: REPAIRED },
}

/** Decibels that mixtures of float and integers are asked to keep, for what is foretold of them. */
const BUDGETS = [23, 26, 29]

const wanted = process.argv.slice(2)
process.stdout.write(
  `| model | ${Object.keys(SETTINGS).join(' | ')} |\n|-|${'-|'.repeat(Object.keys(SETTINGS).length)}\n`,
)
const mixtures: string[] = []
for (const one of casesOf(process.env.WHETSTONE_ZOO))
  if (wanted.length === 0 ? one.headline : wanted.includes(one.id)) await rowOf(one)
process.stdout.write(`\nForetold → measured under budgets of noise, integers everywhere:\n${mixtures.join('\n')}\n`)
process.exit()

async function rowOf(one: Case): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'whetstone-noise-'))
  const model = await readModel(one.path)
  const calibration = await one.calibration?.(model, folder)
  const bench = await Workbench.open(model, await one.data(model, folder), {
    ...{ target: 'native', margin: 0.01, alpha: 0.05, seed: 0, threads: 1, cache: noCache },
    ...(calibration ? { calibrationData: calibration } : {}),
    ...(one.metric ? { metric: one.metric } : {}),
  })
  try {
    const noiseOf = async (spec: Omit<CandidateSpec, 'words' | 'scheme'>) => {
      const built = await bench.build({ calibration: 'minmax', ...spec, words: spec.id, scheme: 'static-int8' })
      if (Object.keys(built.planned).length === 0) return null
      const noise = lowestSqnrDb(await bench.judge(built, 'select', ROWS))
      return { digest: built.digest, foretold: built.expectedNoise, noise }
    }
    // Where integers by their usual costs pay nowhere, they stand everywhere.
    const pays = (await noiseOf({ id: 'pays', pass: { placement: 'balanced' } })) !== null
    const placement = pays ? 'balanced' : 'everywhere'
    const cells: string[] = []
    let repaired = ''
    for (const [id, { pass, ...how }] of Object.entries(SETTINGS)) {
      const found = await noiseOf({ id, ...how, pass: { placement, ...pass } })
      if (id === 'bias and sums') repaired = found!.digest
      // A repair that found nothing to do is no result.
      cells.push(how.smooth !== undefined && found!.digest === repaired ? '–' : decibels(found!.noise))
    }
    process.stdout.write(`| ${one.id}${pays ? '' : ', everywhere'} | ${cells.join(' | ')} |\n`)
    const pairs: string[] = []
    for (const budget of BUDGETS) {
      const noiseBudget = 10 ** (-budget / 10)
      const found = await noiseOf({
        id: `budget ${budget}`,
        noiseBudget,
        pass: { placement: 'everywhere', ...REPAIRED },
      })
      if (found?.foretold) pairs.push(`${decibels(-10 * Math.log10(found.foretold))} → ${decibels(found.noise)}`)
    }
    mixtures.push(`${one.id}: ${pairs.join(', ') || 'nothing foretold'}`)
  } finally {
    await bench.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

function decibels(value: number | null): string {
  return value === null ? 'identical' : value.toFixed(1)
}
